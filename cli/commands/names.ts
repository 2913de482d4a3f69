/** Every command by its full name, with the module that runs it. Loaded on use, so that no command pays for another. */
export const commandLoaders = {
  connect: () => import('./connect.ts').then((module) => module.connect),
  quit: () => import('./quit.ts').then((module) => module.quit),
  status: () => import('./status.ts').then((module) => module.status),
  list: () => import('./list.ts').then((module) => module.list),
  'helm install': () => import('./helm-change.ts').then((module) => module.helmInstall),
  'helm upgrade': () => import('./helm-change.ts').then((module) => module.helmUpgrade),
  'helm uninstall': () => import('./helm-change.ts').then((module) => module.helmUninstall),
  'helm lint': () => import('./helm-lint.ts').then((module) => module.helmLint),
  'helm version': () => import('./helm-lint.ts').then((module) => module.helmVersion),
  loglevel: () => import('./loglevel.ts').then((module) => module.loglevel),
  'config view': () => import('./config-view.ts').then((module) => module.configView),
  'list-contexts': () => import('./list-contexts.ts').then((module) => module.listContexts),
  'list-namespaces': () => import('./list-namespaces.ts').then((module) => module.listNamespaces),
  completion: () => import('./completion.ts').then((module) => module.completion),
  version: () => import('./version.ts').then((module) => module.version),
} as const;

export type CommandName = keyof typeof commandLoaders;

export const logLevels = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export const completionShells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type CompletionShell = (typeof completionShells)[number];
