import { expect, it } from 'vitest';
import type { WorkloadDetails } from '#protocol/local-api/model.ts';
import { portChoices } from './port-choices.ts';

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
