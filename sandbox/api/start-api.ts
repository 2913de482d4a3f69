import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type Cidr, formatCidr } from '#base/common/cidr.ts';
import { type IpAddress, parseIp } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { makeServerCertificate } from '#base/node/certificates/server-certificate.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type ClusterClock, createClusterClock } from '../cluster-clock.ts';
import type { DialService, NodeApi } from '../node/node-api.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { createAdmission } from './admission/admission.ts';
import { countQuotas } from './admission/quota.ts';
import { createApiServer } from './api-server.ts';
import { Authenticator } from './authentication.ts';
import { createBuiltInRoles } from './built-in-roles.ts';
import { installHooks } from './defaults/store-hooks.ts';
import { type ApiFault, Faults } from './faults.ts';

export interface ApiOptions {
  readonly store: ObjectStore;
  readonly serviceCidr: Cidr;
  /** Where to listen; in the certificate, too. */
  readonly address: string;
  /** 0 for any. */
  readonly port: number;
  readonly log: Logger;
}

export interface ApiFaults {
  add(fault: ApiFault): void;
  /** Webhooks cannot be reached any more, or can be again. */
  setWebhooksDown(areDown: boolean): void;
  /** Watches are told that what they know is too old (410). */
  forgetHistory(): void;
  /** Tokens and answers are of a clock that is so far ahead of this machine's; negative: behind. */
  setClockAhead(aheadMs: number): void;
  /** The certificate is one that is not valid yet, made while a clock was wrong. */
  showFutureCertificate(): void;
  heal(): void;
}

/** What the API server has no answer for by itself. */
export interface NodeSide {
  readonly nodeApi: NodeApi;
  readonly dialService: DialService;
}

export interface RunningApi {
  readonly server: URL;
  /** PEM. */
  readonly authorities: string;
  readonly clock: ClusterClock;
  readonly authenticator: Authenticator;
  /** Of the person who started it: may do everything. */
  readonly adminToken: string;
  readonly faults: ApiFaults;
  accept(connection: Duplex): void;
  stop(): Promise<void>;
}

const yearMs = 365 * 86_400_000;

/** The API server with all that goes with it but the node, which is asked for when there is one. */
export async function startApi(options: ApiOptions, nodeSide: () => NodeSide): Promise<RunningApi> {
  const { store, serviceCidr, address, log } = options;
  installHooks(store, { serviceCidr });
  createBuiltInRoles(store);
  store.create(resources.serviceCidrs, { metadata: { name: 'kubernetes' }, spec: { cidrs: [formatCidr(serviceCidr)] } });
  const adminToken = randomBytes(32).toString('base64url');
  const clock = createClusterClock();
  const admin = { username: 'sandbox-admin', groups: ['system:masters'] };
  const authenticator = new Authenticator(store, { [adminToken]: admin }, clock.now);
  const faults = new Faults();
  let areWebhooksDown = false;
  const admit = createAdmission(store, {
    dialService: async (namespace, service, port) => await nodeSide().dialService(namespace, service, port),
    isDown: () => areWebhooksDown,
  });
  store.setAdmission(admit);
  const certificateOptions = {
    issuer: 'Telepresence sandbox',
    dnsNames: ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'],
    ipAddresses: [parseIp('127.0.0.1'), parseIp(address), apiServiceIp(serviceCidr)].flatMap((ip) => ip ?? []),
    validForMs: yearMs,
  };
  const certificate = makeServerCertificate(certificateOptions);
  const futureCertificate = makeServerCertificate({ ...certificateOptions, now: Date.now() + yearMs });
  const apiServer = createApiServer({ store, authenticator, admit, nodeSide, faults, certificate, clock, log });
  const port = await apiServer.listen(address, options.port).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `The sandbox's API server cannot listen on ${address}, port ${options.port}`;
    throw new AppError({ code: 'config.invalid', message, reason }, error);
  });
  const stopCounting = countQuotas(store);
  return {
    server: new URL(`https://${address.includes(':') ? `[${address}]` : address}:${port}`),
    // The time alone is to be wrong with the other one.
    authorities: `${certificate.ca}${futureCertificate.ca}`,
    clock,
    authenticator,
    adminToken,
    faults: {
      add: (fault) => faults.add(fault),
      setWebhooksDown: (areDown) => void (areWebhooksDown = areDown),
      forgetHistory: () => store.forgetHistory(),
      setClockAhead: (aheadMs) => clock.setAhead(aheadMs),
      showFutureCertificate: () => apiServer.showCertificate(futureCertificate),
      heal: () => {
        faults.clear();
        areWebhooksDown = false;
        clock.setAhead(0);
        apiServer.showCertificate(certificate);
      },
    },
    accept: (connection) => apiServer.accept(connection),
    stop: async () => {
      stopCounting();
      await apiServer.stop();
    },
  };
}

/** The first address of the range is that of the Service `kubernetes`. */
function apiServiceIp({ family, value }: Cidr): IpAddress {
  return { family, value: value + 1n };
}
