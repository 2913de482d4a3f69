import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto';
import { fieldAt, isRecord, textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import { StatusError } from '../store/status-error.ts';
import type { ObjectStore, UserInfo } from '../store/store.ts';

/** Who bears a token, and for whom it was made out. */
export interface Bearer {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly boundPod?: { readonly name: string; readonly uid: string } | undefined;
}

const issuer = 'https://kubernetes.default.svc.cluster.local';

/** The audience of tokens for the API server itself. */
export const apiAudience = issuer;

/** Tokens of people, which are given, and of service accounts, which are signed and end with their account or pod. */
export class Authenticator {
  readonly #store: ObjectStore;
  readonly #users: ReadonlyMap<string, UserInfo>;
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #now: () => number;

  constructor(store: ObjectStore, users: Readonly<Record<string, UserInfo>>, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
    // Looked up by digest, so that the time of a comparison tells nothing.
    this.#users = new Map(Object.entries(users).map(([token, user]) => [digest(token), user]));
  }

  /** Who the request is by; anonymous without a token. @throws StatusError 401 for one that is not valid */
  authenticate(authorization: string | undefined): UserInfo {
    if (authorization === undefined) return { username: 'system:anonymous', groups: ['system:unauthenticated'] };
    const bearer = this.readToken(authorization.replace(/^Bearer +/i, ''));
    if (bearer === undefined || !bearer.audiences.includes(apiAudience)) throw unauthorized();
    return bearer.user;
  }

  /** `undefined` where a token is not valid (any more). */
  readToken(token: string): Bearer | undefined {
    const known = this.#users.get(digest(token));
    if (known !== undefined)
      return { user: { ...known, groups: [...known.groups, 'system:authenticated'] }, audiences: [apiAudience] };
    const [head = '', body = '', signature = ''] = token.split('.');
    const key = { key: this.#keys.publicKey, dsaEncoding: 'ieee-p1363' as const };
    if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) return undefined;
    const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    if (!isRecord(claims) || Number(claims['exp']) * 1000 < this.#now()) return undefined;
    return this.#bearerOf(claims);
  }

  issueToken(request: TokenRequest): { readonly token: string; readonly expires: Date } {
    const { namespace, serviceAccount, expirationSeconds } = request;
    const account = this.#store.mustGet(resources.serviceAccounts, namespace, serviceAccount);
    const issued = Math.floor(this.#now() / 1000);
    const audiences = request.audiences.length === 0 ? [apiAudience] : request.audiences;
    const claims = {
      iss: issuer,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
      aud: audiences,
      iat: issued,
      nbf: issued,
      exp: issued + expirationSeconds,
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: serviceAccount, uid: account.metadata.uid },
        ...(request.boundPod === undefined ? {} : { pod: request.boundPod }),
      },
    };
    const text = [{ alg: 'ES256', kid: 'sandbox' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(text), { key: this.#keys.privateKey, dsaEncoding: 'ieee-p1363' });
    return { token: `${text}.${signature.toString('base64url')}`, expires: new Date(claims.exp * 1000) };
  }

  #bearerOf(claims: Readonly<Record<string, unknown>>): Bearer | undefined {
    const namespace = textAt(claims, 'kubernetes.io', 'namespace');
    const name = textAt(claims, 'kubernetes.io', 'serviceaccount', 'name');
    const uid = textAt(claims, 'kubernetes.io', 'serviceaccount', 'uid');
    if (this.#store.get(resources.serviceAccounts, namespace, name)?.metadata.uid !== uid) return undefined;
    const podUid = textAt(claims, 'kubernetes.io', 'pod', 'uid');
    if (podUid !== '' && this.#store.getByUid(podUid) === undefined) return undefined;
    const podName = textAt(claims, 'kubernetes.io', 'pod', 'name');
    const pod = {
      'authentication.kubernetes.io/pod-name': [podName],
      'authentication.kubernetes.io/pod-uid': [podUid],
    };
    const audiences = fieldAt(claims, 'aud');
    return {
      user: {
        username: textAt(claims, 'sub'),
        uid,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
        ...(podUid === '' ? {} : { extra: pod }),
      },
      audiences: Array.isArray(audiences) ? audiences.map(String) : [],
    };
  }
}

function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
