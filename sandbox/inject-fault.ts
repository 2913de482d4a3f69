import { assertNever } from '#base/common/assert-never.ts';
import type { SandboxFault } from '#protocol/sandbox/sandbox-control.ts';
import type { Sandbox } from './sandbox.ts';

/** Makes something go wrong on purpose, until `healSandbox` unless it is over at once. */
export function injectFault({ faults: { api, node } }: Pick<Sandbox, 'faults'>, fault: SandboxFault): void {
  switch (fault.kind) {
    case 'api':
      return api.add(fault);
    case 'webhooks-down':
      return api.setWebhooksDown(true);
    case 'forget-history':
      return api.forgetHistory();
    case 'clock-skew':
      return api.setClockAhead(fault.aheadMs);
    case 'future-certificate':
      return api.showFutureCertificate();
    case 'slow-image-pull':
      return node.slowImagePull(fault.delayMs, fault.image);
    case 'fail-image-pull':
      return node.failImagePull(fault.message, fault.image);
    case 'never-ready':
      return node.neverReady(fault.pod);
    case 'port-forward': {
      const { delayMs, bytesPerSecond, lossPercent, isBlackhole } = fault;
      return node.portForward({
        ...(delayMs === undefined ? {} : { delayMs }),
        ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
        ...(lossPercent === undefined ? {} : { lossPercent }),
        ...(isBlackhole === undefined ? {} : { isBlackhole }),
      });
    }
    case 'cut-port-forwards':
      return node.cutPortForwards();
    case 'restart-node':
      return node.restartNode();
    default:
      return assertNever(fault);
  }
}

export function healSandbox({ faults }: Pick<Sandbox, 'faults'>): void {
  faults.api.heal();
  faults.node.heal();
}
