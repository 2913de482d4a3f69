/** Record types by name (IANA "DNS parameters"). */
export const dnsType = {
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  ptr: 12,
  mx: 15,
  txt: 16,
  aaaa: 28,
  srv: 33,
  opt: 41,
  any: 255,
} as const;

/** Response codes (RFC 1035 section 4.1.1; 16 needs EDNS, RFC 6891 section 9). */
export const dnsRcode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

/** The Internet class, the only one that names and addresses are looked up in. */
export const dnsClassIn = 1;
