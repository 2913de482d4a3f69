import type { DoctorCheckId } from '#protocol/local-api/doctor-checks.ts';

const checks: Readonly<Record<DoctorCheckId, string>> = {
  helper: 'Privileged helper',
  tun: 'Virtual network interface',
  dns: 'DNS from end to end',
  routes: 'Routes that overlap',
  vpn: 'Other VPNs',
  proxy: 'Proxy variables',
  'auth-plugin': 'Login program of the kubeconfig',
  clock: 'Clock',
  api: 'API server',
  manager: 'Traffic-manager',
  rbac: 'Rights in the cluster',
  webhook: 'Webhook of the injector',
  fuse: 'Mounts (FUSE)',
};

export const diagnoseTexts = {
  checks,
  listLabel: 'Checks',
  runAll: 'Run all again',
  runAllFirst: 'Run all checks',
  runOne: (title: string) => `Run again: ${title}`,
  stop: 'Stop',
  running: 'Running',
  notRun: 'Not run',
  words: { pass: 'Pass', warn: 'Warning', fail: 'Fail', 'not-applicable': 'Not applicable' },
  summary: (pass: number, warn: number, fail: number, other: number) =>
    `${fail} failed, ${warn} ${warn === 1 ? 'warning' : 'warnings'}, ${pass} passed, ${other} not applicable`,
  progress: (done: number, all: number) => `${done} of ${all} checks done`,
  failed: 'The checks could not be run',
  remedies: 'What to do',
  copyText: 'Copy as text',
  copyJson: 'Copy as JSON',
  openLink: (label: string) => `${label} (opens the browser)`,
  openHelper: 'Show what the helper does',
  sameAs: 'The same as',
  about: (connection: string) => `About connection ${connection}`,
  aboutNone: 'Not connected: checks of the cluster use the current context of the kubeconfig',
} as const;
