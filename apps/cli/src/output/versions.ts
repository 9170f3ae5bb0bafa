/** `2 at 1, 1 at 3`: how many pods run which version. */
export function versionCounts(versions: Readonly<Record<string, number>>): string {
  return Object.entries(versions)
    .map(([version, pods]) => `${pods} at ${version}`)
    .join(', ');
}
