export function missing(env?: NodeJS.ProcessEnv, infra?: string): string | undefined;
export function findJavaHome(env?: NodeJS.ProcessEnv): string | undefined;
export function findOnPath(name: string, env?: NodeJS.ProcessEnv): string | undefined;
export function findDocker(env?: NodeJS.ProcessEnv): string | undefined;
