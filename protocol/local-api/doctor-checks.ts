/** Ids of the doctor's checks, in the order in which they are shown. */
export const doctorCheckIds = [
  'helper',
  'tun',
  'dns',
  'routes',
  'vpn',
  'proxy',
  'auth-plugin',
  'clock',
  'api',
  'manager',
  'rbac',
  'webhook',
  'fuse',
] as const;
export type DoctorCheckId = (typeof doctorCheckIds)[number];
