import type { Product } from './products.ts';

/** An object as the Kubernetes API takes it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [member: string]: unknown;
}

export const shopNamespace = 'shop';

/** What the volume of the catalogue has. */
export const products: readonly Product[] = [
  { id: 'teapot', name: 'Teapot', price: 24.5 },
  { id: 'cup', name: 'Cup', price: 6 },
  { id: 'kettle', name: 'Kettle', price: 49 },
  { id: 'spoon', name: 'Spoon', price: 3.2 },
];

interface Part {
  readonly name: string;
  readonly port: { readonly name: string; readonly container: number; readonly service: number };
  readonly env?: readonly Readonly<Record<string, unknown>>[];
  readonly hasProducts?: boolean;
}

const parts: readonly Part[] = [
  { name: 'web', port: { name: 'http', container: 8080, service: 80 } },
  { name: 'cart', port: { name: 'http', container: 8080, service: 80 } },
  {
    name: 'catalogue',
    port: { name: 'http', container: 8080, service: 80 },
    env: [
      { name: 'SHOP_TITLE', value: 'Tea for two' },
      { name: 'PRODUCTS_FILE', value: '/etc/shop/products.json' },
      { name: 'CLUB_TOKEN', valueFrom: { secretKeyRef: { name: 'club', key: 'token' } } },
    ],
    hasProducts: true,
  },
  { name: 'stock', port: { name: 'grpc', container: 9090, service: 9090 } },
];

/**
 * web → cart → catalogue → stock, each a Deployment and a Service. The programs are in ConfigMaps, and run in an image that has Node.
 *
 * @param image such as the product's own, which is in the cluster already
 * @param secret of the shop's club, of the caller's choice
 * @param programOf text of a part's program, by the part's name
 */
export async function shopObjects(
  image: string,
  secret: string,
  programOf: (name: string) => Promise<string>,
): Promise<readonly KubeObject[]> {
  const object = (apiVersion: string, kind: string, name: string, rest: Readonly<Record<string, unknown>>): KubeObject => ({
    apiVersion,
    kind,
    metadata: { name, namespace: shopNamespace, labels: { app: name } },
    ...rest,
  });
  const objects = await Promise.all(
    parts.map(async (part) => [
      object('v1', 'ConfigMap', `${part.name}-program`, { data: { 'main.js': await programOf(part.name) } }),
      object('apps/v1', 'Deployment', part.name, { spec: deploymentSpec(part, image) }),
      object('v1', 'Service', part.name, {
        spec: {
          selector: { app: part.name },
          ports: [{ name: part.port.name, port: part.port.service, targetPort: part.port.name }],
        },
      }),
    ]),
  );
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: shopNamespace } },
    object('v1', 'Secret', 'club', { stringData: { token: secret } }),
    object('v1', 'ConfigMap', 'products', { data: { 'products.json': JSON.stringify(products) } }),
    ...objects.flat(),
  ];
}

function deploymentSpec({ name, port, env, hasProducts }: Part, image: string): Readonly<Record<string, unknown>> {
  const volumes = [
    { name: 'program', configMap: { name: `${name}-program` } },
    ...(hasProducts === true ? [{ name: 'products', configMap: { name: 'products' } }] : []),
  ];
  const volumeMounts = [
    { name: 'program', mountPath: '/program' },
    ...(hasProducts === true ? [{ name: 'products', mountPath: '/etc/shop' }] : []),
  ];
  const isHttp = port.name === 'http';
  return {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 1,
        automountServiceAccountToken: false,
        containers: [
          {
            name,
            image,
            imagePullPolicy: 'IfNotPresent',
            command: ['node', '/program/main.js'],
            ports: [{ name: port.name, containerPort: port.container }],
            ...(env === undefined ? {} : { env }),
            volumeMounts,
            readinessProbe: {
              periodSeconds: 1,
              ...(isHttp ? { httpGet: { path: '/healthz', port: port.name } } : { tcpSocket: { port: port.name } }),
            },
          },
        ],
        volumes,
      },
    },
  };
}
