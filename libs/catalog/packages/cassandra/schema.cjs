// The schema of a backup: written by the first node, and made again by it before the rows come back.
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Session } = require('./cql.cjs');

/** Changes of a schema wait for the agreement of all nodes. */
const TIMEOUT_MS = 60_000;
const env = process.env;
/** `schema.cjs backup FOLDER` writes it there; `schema.cjs restore FOLDER NODES` reads it, of a backup of so many nodes. */
const [, , verb, folder, nodes] = process.argv;
const asked = env.KEYSPACES.split(',').filter((each) => each !== '');
const isOwn = (keyspace) => /^system(_|$)/.test(keyspace);

async function backup(session) {
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
  writeFileSync(join(folder, 'keyspaces'), keyspaces.join('\n'));
  writeFileSync(join(folder, 'schema.json'), JSON.stringify(schema, undefined, 2));
}

async function restore(session) {
  const members = (await session.query('SELECT peer FROM system.peers_v2')).length + 1;
  if (Number(nodes) !== members) throw new Error(`the backup is of ${nodes} nodes, the ring has ${members}`);
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
  const session = await Session.open(env.ORRERY_ADDRESS, readFileSync('data/native.port', 'utf8'), TIMEOUT_MS);
  try {
    await (verb === 'backup' ? backup(session) : restore(session));
  } finally {
    session.close();
  }
}

work().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
