import { expect, it } from 'vitest';
import type { WorkloadDetails } from '#protocol/local-api/model.ts';
import { portChoices, wishedPort } from './port-choices.ts';

const details: WorkloadDetails = {
  desired: 1,
  ready: 1,
  createdAt: '',
  containers: [
    {
      name: 'app',
      image: 'app:1',
      ports: [
        { name: 'http', port: 8080, protocol: 'TCP' },
        { name: 'metrics', port: 9100, protocol: 'TCP' },
        { port: 53, protocol: 'UDP' },
        { port: 99, protocol: 'SCTP' },
      ],
    },
  ],
  services: [
    {
      name: 'cart',
      ports: [
        { name: 'web', port: 80, targetPort: 'http', protocol: 'TCP' },
        { port: 5300, targetPort: '53', protocol: 'UDP' },
        { name: 'other', port: 81, targetPort: 'nobody', protocol: 'TCP' },
      ],
    },
  ],
  pods: [],
};

it('offers ports of Services, and of containers those that no Service leads to', () => {
  expect(portChoices(details).map(({ identifier, service, containerPort }) => [identifier, service, containerPort])).toEqual([
    ['web', 'cart', 8080],
    ['5300/UDP', 'cart', 53],
    ['other', 'cart', undefined],
    ['9100', undefined, 9100],
  ]);
});

it('offers none where the cluster does not tell', () => {
  expect(portChoices(undefined)).toEqual([]);
});

it('finds the port that a link means by its name, its number or that of the container, and none where it could be several', () => {
  const choices = portChoices(details);
  const wished = (identifier: string | undefined, service?: string) => wishedPort(choices, { identifier, service })?.id;
  expect(['web', '80', 'http', '8080'].map((name) => wished(name))).toEqual(Array(4).fill('cart/web/TCP'));
  expect(wished('9100')).toBe('app:9100/TCP');
  expect(wished('web', 'another')).toBeUndefined();
  expect(wished(undefined, 'cart')).toBeUndefined();
  expect(wished('nothing')).toBeUndefined();
});
