import { describe, expect, it } from 'vitest';
import { readInjectAnnotations } from './inject-annotations.ts';
import type { PodTemplate, ServiceObject } from './pod-types.ts';
import { workloadPorts } from './workload-ports.ts';

const template: PodTemplate = {
  metadata: { labels: { app: 'shop', tier: 'web' } },
  spec: {
    containers: [
      {
        name: 'app',
        ports: [
          { name: 'http', containerPort: 8080 },
          { name: 'dns', containerPort: 5353, protocol: 'UDP' },
          { name: 'metrics', containerPort: 9090, protocol: 'TCP' },
        ],
      },
      { name: 'side', ports: [{ containerPort: 7000 }] },
    ],
  },
};

type ServicePort = NonNullable<NonNullable<ServiceObject['spec']>['ports']>[number];

function service(name: string, ports: readonly ServicePort[], more: object = {}): ServiceObject {
  return { metadata: { name, uid: `uid-${name}` }, spec: { selector: { app: 'shop' }, clusterIP: '10.0.0.1', ports, ...more } };
}

function found(services: readonly ServiceObject[], annotations: Readonly<Record<string, string>> = {}) {
  return workloadPorts(template, services, readInjectAnnotations(annotations)).map(
    ({ container, containerPort, protocol, mode, services: by }) =>
      `${container} ${containerPort}/${protocol} ${mode} ${by.map((entry) => `${entry.name}:${entry.port}`).join('+')}`.trim(),
  );
}

describe('ports of a workload', () => {
  it.each([
    ['a named target port', [service('shop', [{ port: 80, targetPort: 'http' }])], ['app 8080/TCP named shop:80']],
    ['a numeric target port', [service('shop', [{ port: 80, targetPort: 8080 }])], ['app 8080/TCP redirect shop:80']],
    ['no target port, which is the port itself', [service('shop', [{ port: 7000 }])], ['side 7000/TCP redirect shop:7000']],
    [
      'a number that no container declares',
      [service('shop', [{ port: 80, targetPort: 3000 }])],
      ['app 3000/TCP redirect shop:80'],
    ],
    [
      'a headless Service with a name',
      [service('shop', [{ port: 80, targetPort: 'http' }], { clusterIP: 'None' })],
      ['app 8080/TCP redirect shop:80'],
    ],
    ['UDP', [service('shop', [{ port: 53, targetPort: 'dns', protocol: 'UDP' }])], ['app 5353/UDP named shop:53']],
    ['a name of the other protocol', [service('shop', [{ port: 53, targetPort: 'dns' }])], []],
    [
      'two Services, one by name and one by number',
      [service('a', [{ port: 80, targetPort: 'http' }]), service('b', [{ port: 81, targetPort: 8080 }])],
      ['app 8080/TCP redirect a:80+b:81'],
    ],
    [
      'two Services, the other way round',
      [service('b', [{ port: 81, targetPort: 8080 }]), service('a', [{ port: 80, targetPort: 'http' }])],
      ['app 8080/TCP redirect b:81+a:80'],
    ],
    [
      'ports in the order of their declaration',
      [
        service('shop', [
          { name: 'm', port: 1, targetPort: 'metrics' },
          { name: 'h', port: 2, targetPort: 'http' },
        ]),
      ],
      ['app 8080/TCP named shop:2', 'app 9090/TCP named shop:1'],
    ],
  ] as const)('of %s', (_, services, expected) => {
    expect(found(services)).toEqual(expected);
  });

  it('are all declared ones where no Service selects the pods', () => {
    const others = [
      service('other', [{ port: 80 }], { selector: { app: 'else' } }),
      service('external', [{ port: 80 }], { selector: {} }),
    ];
    expect(found(others)).toEqual([
      'app 8080/TCP redirect',
      'app 5353/UDP redirect',
      'app 9090/TCP redirect',
      'side 7000/TCP redirect',
    ]);
  });

  it('follow the annotations, with either prefix', () => {
    const services = [
      service('shop', [
        { name: 'web', port: 80, targetPort: 'http' },
        { name: 'mon', port: 90, targetPort: 'metrics' },
      ]),
      service('spare', [{ port: 7000 }]),
    ];
    expect(found(services, { 'telepresence.io/inject-service-name': 'spare' })).toEqual(['side 7000/TCP redirect spare:7000']);
    expect(
      found(services, {
        'telepresence.getambassador.io/inject-service-port': '90',
        'telepresence.io/inject-service-name': 'shop',
        'telepresence.io/inject-container-ports': '7000, dns/UDP',
      }),
    ).toEqual(['app 5353/UDP redirect', 'app 9090/TCP named shop:90', 'side 7000/TCP redirect']);
  });
});
