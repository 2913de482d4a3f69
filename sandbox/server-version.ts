/** The version of Kubernetes that the sandbox looks like to a client. It is not Kubernetes, and says so. */
export const serverVersion = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.0+telepresence-sandbox',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none: this is the Telepresence sandbox, not Kubernetes',
  compiler: 'none',
  platform: 'linux/amd64',
};
