// One instance of an app that would own cells: prints them whenever they change. Killed by the specs.
import { KafkajsOwnershipHint } from '../../libs/kafka/dist/index.js';

const [, , brokers, groupId, topic, cells] = process.argv;
const options = { brokers: brokers.split(','), clientId: `member-${process.pid}` };
const hint = new KafkajsOwnershipHint(options, { groupId, topic, cells: Number(cells) });
process.once('SIGTERM', () => void hint.stop());
await hint.start((owned) => console.log(JSON.stringify([...owned])));
