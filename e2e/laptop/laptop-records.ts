import type { NameServerRecords } from './name-server.ts';

/** What the resolver that a laptop had before knows, unless a test says otherwise. Addresses are of the documentation ranges. */
export const laptopRecords: NameServerRecords = {
  A: {
    'example.com': '192.0.2.80',
    'www.example.com': '192.0.2.81',
    'intranet.corp': '192.0.2.90',
    'printer.lan': '192.0.2.91',
    'db.internal.io': '192.0.2.92',
  },
  TXT: { 'example.com': 'from the former resolver' },
};
