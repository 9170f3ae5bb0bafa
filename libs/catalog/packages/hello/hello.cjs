const { createServer } = require('node:http');

const { GREETING, ORRERY_TASK_ID, ORRERY_AGENT, ORRERY_ADDRESS, PORT_HTTP } = process.env;
const server = createServer((request, response) => {
  response.end(`${GREETING} from ${ORRERY_TASK_ID} on ${ORRERY_AGENT}\n`);
});
server.listen(Number(PORT_HTTP), ORRERY_ADDRESS);
