import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from './files.js';
import { checkout } from './settings.js';

export type TemplateValues = Readonly<Record<string, string | number | boolean>>;

/** Writes a file of deploy/local/templates with its `{{values}}` filled in. A value that is missing is a bug. */
export function renderTemplate(template: string, to: string, values: TemplateValues = {}): void {
  const text = readFileSync(join(checkout, 'deploy', 'local', 'templates', template), 'utf8');
  const rendered = text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${template} asks for ${name}, which nobody gave`);
    return String(value);
  });
  writeWhole(to, rendered);
}
