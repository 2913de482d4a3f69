/** Every command by its full name, with the module that runs it. Loaded on use, so that no command pays for another. */
export const commandLoaders = {
  connect: () => import('./connect.ts').then((module) => module.connect),
  quit: () => import('./quit.ts').then((module) => module.quit),
  pause: () => import('./pause.ts').then((module) => module.pause),
  resume: () => import('./resume.ts').then((module) => module.resume),
  shell: () => import('./shell.ts').then((module) => module.shell),
  status: () => import('./status.ts').then((module) => module.status),
  list: () => import('./list.ts').then((module) => module.list),
  intercept: () => import('./intercept.ts').then((module) => module.intercept),
  traffic: () => import('./traffic.ts').then((module) => module.traffic),
  leave: () => import('./leave.ts').then((module) => module.leave),
  revoke: () => import('./revoke.ts').then((module) => module.revoke),
  uninstall: () => import('./uninstall.ts').then((module) => module.uninstall),
  'helm install': () => import('./helm-change.ts').then((module) => module.helmInstall),
  'helm upgrade': () => import('./helm-change.ts').then((module) => module.helmUpgrade),
  'helm uninstall': () => import('./helm-change.ts').then((module) => module.helmUninstall),
  'helm lint': () => import('./helm-lint.ts').then((module) => module.helmLint),
  'helm version': () => import('./helm-lint.ts').then((module) => module.helmVersion),
  'sandbox up': () => import('./sandbox.ts').then((module) => module.sandboxUp),
  'sandbox down': () => import('./sandbox.ts').then((module) => module.sandboxDown),
  'sandbox status': () => import('./sandbox.ts').then((module) => module.sandboxStatus),
  'gather-logs': () => import('./gather-logs.ts').then((module) => module.gatherLogs),
  loglevel: () => import('./loglevel.ts').then((module) => module.loglevel),
  doctor: () => import('./doctor.ts').then((module) => module.doctor),
  ui: () => import('./ui.ts').then((module) => module.ui),
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
