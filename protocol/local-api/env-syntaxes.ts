/**
 * Syntaxes of an environment file; `:export` makes the shell's variables visible to the programs that it starts. Apart from the schemas,
 * which a command should not have to build at its start.
 */
export const envSyntaxes = [
  'docker',
  'compose',
  'sh',
  'sh:export',
  'csh',
  'csh:export',
  'cmd',
  'json',
  'ps',
  'ps:export',
] as const;
export type EnvSyntax = (typeof envSyntaxes)[number];
