import { packagesFolder } from '@orrery/catalog';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JarSet, MavenArtifact } from './artifacts.js';

/** A package of the catalog by which the plane runs a server of its own. */
export interface PlanePackage {
  readonly jars: JarSet;
  /** A file of the package; those of its version alone lie in a folder named after that. */
  file(name: string): string;
}

export function planePackage(name: string, version: string): PlanePackage {
  const file = (path: string) => readFileSync(join(packagesFolder, name, path), 'utf8');
  const { exec } = JSON.parse(file(join(version, 'resource.json'))) as { exec: { jars: { uri: string } } };
  const coordinates = exec.jars.uri.replace(/^mvn:/, '').split('+');
  return { jars: { name: `${name}-${version}`, artifacts: coordinates.map(artifactOf) }, file };
}

function artifactOf(coordinates: string): MavenArtifact {
  const [groupId, artifactId, version] = coordinates.split(':') as [string, string, string];
  return { groupId, artifactId, version };
}
