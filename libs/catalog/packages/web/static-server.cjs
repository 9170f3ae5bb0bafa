const { createReadStream, statSync } = require('node:fs');
const { createServer } = require('node:http');
const { extname, join, resolve, sep } = require('node:path');

const root = resolve(process.argv[2] ?? '.');
const types = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
};

/** The file that an address names: below the root, `index.html` for a folder; nothing else is given away. */
function fileOf(url) {
  try {
    const place = resolve(root, `.${decodeURIComponent(new URL(url, 'http://site').pathname)}`);
    if (place !== root && !place.startsWith(root + sep)) return undefined;
    const file = statSync(place).isDirectory() ? join(place, 'index.html') : place;
    return statSync(file).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

const server = createServer((request, response) => {
  const file = fileOf(request.url);
  if (file === undefined) return response.writeHead(404).end('not found\n');
  response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
  const stream = createReadStream(file);
  stream.on('error', () => response.destroy());
  return stream.pipe(response);
});
server.listen(Number(process.env.PORT_HTTP), process.env.ORRERY_ADDRESS);
