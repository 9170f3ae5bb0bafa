import { problemCodes, statusOfCode } from '../problem.js';
import { operations } from './operations.js';

/** One static page, nothing loaded from elsewhere. */
export function docsPage(): string {
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  const sections = tags.map((tag) => `<h2>${tag}</h2><table>${rowsOf(tag)}</table>`).join('');
  const codes = problemCodes.map(
    (code) => `<tr id="problem-${code}"><td><code>${code}</code></td><td>${statusOfCode(code)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Orrery</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2330;background:#fff}
table{border-collapse:collapse;width:100%}td{padding:.25rem .75rem .25rem 0;border-bottom:1px solid #e5e8ee;vertical-align:top}
code{font-family:ui-monospace,monospace;font-size:.92em}h2{margin-top:2rem;text-transform:capitalize}
@media (prefers-color-scheme:dark){body{color:#d8dee9;background:#14181f}td{border-color:#2b3340}a{color:#8ab4f8}}
</style></head><body><h1>Orrery</h1>
<p>A control plane whose every state can be asked for again: each read takes <code>?at=</code>, each answer carries
<code>Orrery-Position</code>, each write is a command with an <code>Idempotency-Key</code>. Machine-readable:
<a href="/openapi.json">OpenAPI 3.1</a>, <a href="/asyncapi.json">AsyncAPI 3</a>, <a href="/schemas/service.json">schema of a service</a>,
<a href="/schemas">schemas of all messages</a>.</p>
${sections}<h2>Problems</h2><p>Errors are <code>application/problem+json</code> with a stable <code>code</code>.</p>
<table>${codes.join('')}</table></body></html>
`;
}

function rowsOf(tag: string): string {
  return operations
    .filter((operation) => operation.tag === tag)
    .map(
      ({ method, path, summary }) =>
        `<tr><td><code>${method.toUpperCase()}</code></td><td><code>${path}</code></td><td>${summary}</td></tr>`,
    )
    .join('');
}
