export function leftOut(packages: object): Record<string, object>;
