// The schema of a backup: written by the first node, and made again by it before the rows come back.
const { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Session } = require('./cql.cjs');

/** Changes of a schema wait for the agreement of all nodes. */
const TIMEOUT_MS = 60_000;
const env = process.env;
const folder = join(env.FOLDER || '', env.ORRERY_SERVICE, env.NAME);
const asked = env.KEYSPACES.split(',').filter((each) => each !== '');
const isOwn = (keyspace) => /^system(_|$)/.test(keyspace);

const nodesOf = (path) => (existsSync(path) ? readdirSync(path).filter((name) => /^node-\d+$/.test(name)).length : 0);

async function backup(session) {
  // Run again after it was cut off, it finds its own schema, but no data of nodes.
  if (nodesOf(folder) > 0) throw new Error(`there is a backup ${env.NAME} already: ${folder}`);
  const rows = await session.query('SELECT keyspace_name FROM system_schema.keyspaces');
  const all = rows.map((row) => row.keyspace_name.toString()).filter((each) => !isOwn(each));
  const missing = asked.filter((each) => !all.includes(each));
  if (missing.length > 0) throw new Error(`there is no keyspace ${missing.join(', ')}`);
  const keyspaces = asked.length === 0 ? all : asked;
  if (keyspaces.length === 0) throw new Error('there is no keyspace but those of Cassandra itself');
  const schema = [];
  for (const keyspace of keyspaces)
    for (const row of await session.query(`DESCRIBE KEYSPACE "${keyspace}"`)) {
      const [name, type] = [row.name.toString(), row.type.toString()];
      schema.push({ keyspace, type, name, statement: row.create_statement.toString() });
    }
  mkdirSync(`${folder}.partial`, { recursive: true });
  writeFileSync(join(`${folder}.partial`, 'keyspaces'), keyspaces.join('\n'));
  writeFileSync(join(`${folder}.partial`, 'schema.json'), JSON.stringify(schema, undefined, 2));
  rmSync(folder, { recursive: true, force: true });
  renameSync(`${folder}.partial`, folder);
}

async function restore(session) {
  if (!existsSync(folder)) throw new Error(`there is no backup ${env.NAME}: ${folder} is not there`);
  const nodes = nodesOf(folder);
  const members = (await session.query('SELECT peer FROM system.peers_v2')).length + 1;
  if (nodes !== members) throw new Error(`the backup is of ${nodes} nodes, the ring has ${members}`);
  const schema = JSON.parse(readFileSync(join(folder, 'schema.json'), 'utf8'));
  const wanted = schema.filter(({ keyspace }) => asked.length === 0 || asked.includes(keyspace));
  if (wanted.length === 0) throw new Error(`the backup has nothing of ${asked.join(', ')}`);
  for (const { statement } of wanted) {
    try {
      await session.query(statement);
    } catch (error) {
      // What is there stays as it is: the step may have been cut off, or a table was emptied and not dropped.
      if (!/already exists|duplicate/i.test(error.message)) throw new Error(`${error.message}: ${statement}`);
    }
  }
}

async function work() {
  if (!env.FOLDER) throw new Error('there is no place for backups: set the option backup.folder');
  const session = await Session.open(env.ORRERY_ADDRESS, readFileSync('data/native.port', 'utf8'), TIMEOUT_MS);
  try {
    await (process.argv[2] === 'backup' ? backup(session) : restore(session));
  } finally {
    session.close();
  }
}

work().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
