import { stringify } from 'yaml';
import type { InterceptRequest } from '#protocol/local-api/model.ts';
import type { ClusterPlan } from './plan-in-cluster.ts';

/** What is asked for, and what the cluster made of it: members are named as in `intercept --output yaml`. */
export function requestYaml(request: InterceptRequest, plan: ClusterPlan): string {
  const { name, service, address = '127.0.0.1', toPod, envFile, envJson, handler } = request;
  const container = request.container ?? plan.container;
  const document = {
    name,
    workload: plan.workload,
    ...(plan.workloadKind === '' ? {} : { workload_kind: plan.workloadKind }),
    namespace: plan.namespace,
    ...(service === undefined ? {} : { service_name: service }),
    ...(container === undefined ? {} : { container }),
    target_host: address,
    ports: plan.ports.length === 0 ? request.ports.map(askedPort) : plan.ports.map(plannedPort),
    ...(toPod.length === 0 ? {} : { to_pod: toPod }),
    ...(envFile === undefined ? {} : { env_file: envFile.path, env_syntax: envFile.syntax }),
    ...(envJson === undefined ? {} : { env_json: envJson }),
    ...(handler === undefined ? {} : { handler_process: handler }),
  };
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

function askedPort({ laptopPort, identifier }: InterceptRequest['ports'][number]): Record<string, unknown> {
  return { target_port: laptopPort, ...(identifier === undefined ? {} : { port_id: identifier }) };
}

function plannedPort({
  laptopPort,
  containerPort,
  protocol,
  identifier,
  service,
}: ClusterPlan['ports'][number]): Record<string, unknown> {
  return {
    target_port: laptopPort,
    container_port: containerPort,
    protocol,
    port_id: identifier,
    ...(service === undefined
      ? {}
      : { service_name: service.name, service_port_name: service.portName, service_port: service.port }),
  };
}
