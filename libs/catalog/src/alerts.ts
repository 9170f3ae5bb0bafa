import { checkShape } from '@orrery/contracts';
import { Type } from 'typebox';
import { parseDocument } from 'yaml';
import type { PackageFiles } from './package-definition.js';

/** Alerting rules of a package, as Prometheus reads them. */
export const ALERTS_FILE = 'alerts.yaml';

/** An alert, for people. */
export interface Alert {
  readonly name: string;
  readonly severity: string;
  readonly summary: string;
}

const Rules = Type.Object(
  {
    groups: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          rules: Type.Array(
            Type.Object(
              {
                alert: Type.String({ pattern: '^[A-Za-z][A-Za-z0-9]*$' }),
                expr: Type.String(),
                for: Type.Optional(Type.String({ pattern: '^[0-9]+[smh]$' })),
                labels: Type.Object({ severity: Type.String() }),
                annotations: Type.Object({ summary: Type.String(), description: Type.String() }),
              },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

/** The alerts that a package brings along: none where the file is missing or is no list of alerts. */
export function alertsOf(files: PackageFiles): readonly Alert[] {
  const document = parseDocument(files[ALERTS_FILE] ?? '');
  if (document.errors.length > 0) return [];
  const checked = checkShape(Rules, document.toJS());
  if (!checked.ok) return [];
  return checked.value.groups.flatMap(({ rules }) =>
    rules.map(({ alert, labels, annotations }) => ({
      name: alert,
      severity: labels.severity,
      summary: annotations.summary,
    })),
  );
}
