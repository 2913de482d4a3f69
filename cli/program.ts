import { Argument, Command as Commander, Option } from 'commander';
import { doctorCheckIds } from '#protocol/local-api/doctor-checks.ts';
import { envSyntaxes } from '#protocol/local-api/env-syntaxes.ts';
import { type CommandName, completionShells, logLevels } from './commands/names.ts';
import { addKubeFlags } from './flags/kube-flags.ts';
import { collectCommaList, collectList } from './flags/values.ts';
import { outputFormats } from './output/output.ts';
import { progressModes } from './progress/progress.ts';

/** Called with the command that was typed; options are as its module declares them. */
export type Dispatch = (name: CommandName, options: Readonly<Record<string, unknown>>, args: readonly string[]) => Promise<void>;

/**
 * The grammar of the command line: cheap to build, since what a command does is loaded when it is dispatched. Help and completion
 * are derived from it.
 */
export function buildProgram(dispatch: Dispatch): Commander {
  const program = new Commander('telepresence')
    .description('Puts your laptop inside a Kubernetes cluster.')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addOption(new Option('--output <format>', 'format of the output').choices(outputFormats).default('default'))
    .addOption(new Option('--progress <mode>', 'how progress is shown').choices(progressModes).default('auto'))
    .option('--use <regex>', 'connection to talk to: must match exactly one name')
    .option('--config <path>', 'configuration file')
    .option('--logfile <path>', 'file that a started daemon logs to')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nExample:\n  telepresence connect && telepresence list')
    .exitOverride();
  const add = (parent: Commander, group: string, name: CommandName, summary: string, example: string): Commander => {
    const word = name.split(' ').at(-1) ?? name;
    const command = new Commander(word)
      .description(summary)
      .helpGroup(group)
      .copyInheritedSettings(program)
      .addHelpText('after', `\nExample:\n  telepresence ${example}`)
      .action((...parameters: unknown[]) => {
        const [options, parsed] = parameters.slice(-2) as [Readonly<Record<string, unknown>>, Commander];
        return dispatch(name, options, parsed.args);
      });
    parent.addCommand(command);
    return command;
  };
  addSessionCommands(program, add);
  addTrafficCommands(program, add);
  addInstallCommands(program, add);
  addSandboxCommands(program, add);
  addOtherCommands(program, add);
  return program;
}

type Add = (parent: Commander, group: string, name: CommandName, summary: string, example: string) => Commander;

function addSessionCommands(program: Commander, add: Add): void {
  const group = 'Session commands:';
  const connect = add(
    program,
    group,
    'connect',
    'connect the laptop to a cluster',
    'connect --namespace staging -- curl http://shop',
  );
  connect
    .usage('[options] [-- command args…]')
    // The command explains better what is wrong with them.
    .allowExcessArguments()
    .option('-n, --namespace <namespace>', 'namespace to be in (default: that of the context)')
    .option('--manager-namespace <namespace>', 'namespace of the traffic-manager')
    .option('--mapped-namespaces <names>', 'namespaces whose names are resolved, or all', collectCommaList)
    .option('--name <name>', 'name of the connection (default: from context and namespace)')
    .option('--also-proxy <subnets>', 'further subnets to route into the cluster', collectCommaList)
    .option('--never-proxy <subnets>', 'subnets never to route into the cluster', collectCommaList)
    .option('--allow-conflicting-subnets <subnets>', 'subnets to route although the laptop has a route to them', collectCommaList)
    .option(
      '--vnat <subnet>',
      'reach a subnet (or service, pods, also, all) through virtual addresses; repeatable',
      collectCommaList,
    )
    .option('--reroute-remote <host:port:newport>', 'connections to host:port go to newport; repeatable', collectCommaList)
    .option('--reroute-local <lport:host:port>', 'localhost:lport goes to host:port; repeatable', collectCommaList)
    .option('--rootless', 'leave the laptop as it is: only what telepresence shell runs is in the cluster; needs no root');
  addKubeFlags(connect);
  add(program, group, 'quit', 'disconnect', 'quit --stop-daemons').option(
    '-s, --stop-daemons',
    'end all connections and the daemons too',
  );
  add(program, group, 'shell', 'run a shell, or a command, inside the cluster', 'shell -- curl http://shop').usage(
    '[options] [-- command args…]',
  );
  add(program, group, 'pause', 'take the cluster off the laptop for a while, and keep engagements', 'pause --for 15m').option(
    '--for <duration>',
    'time until it is resumed (default: until telepresence resume)',
  );
  add(program, group, 'resume', 'end a pause', 'resume');
  add(program, group, 'status', 'show connections and daemons', 'status --output json').option(
    '--multi-daemon',
    'structured output: always a list of connections',
  );
  add(program, group, 'list', 'list the workloads of the connected namespace', 'list --output json-stream')
    .option('-n, --namespace <namespace>', 'namespace to look at (default: the connected one)')
    .option('-a, --agents', 'only workloads with a traffic-agent')
    .option('-i, --intercepts', 'only intercepted workloads')
    .option('-r, --replacements', 'only workloads with a replaced container')
    .option('-g, --ingests', 'only ingested workloads')
    .option('-t, --wiretaps', 'only wiretapped workloads')
    .option('--debug', 'with ids');
}

function addTrafficCommands(program: Commander, add: Add): void {
  const group = 'Traffic commands:';
  const example = 'intercept shop --port 8080:http --env-file shop.env -- node server.js';
  add(program, group, 'intercept', 'bring the traffic of a workload to the laptop', example)
    .usage('[options] <name> [-- command args…]')
    .addArgument(new Argument('<name>', 'workload, or any name together with --workload'))
    .option('-w, --workload <workload>', 'workload, where the name is another')
    .option('-p, --port <port[:identifier]>', 'laptop port and port of the workload, like 8080:http; repeatable', collectList)
    .option('--service <service>', 'Service whose port is meant')
    .option('-c, --container <container>', 'container whose port is meant')
    .option('--address <address>', 'where the handler listens (default: 127.0.0.1)')
    .option('-n, --namespace <namespace>', 'namespace of the workload (default: the connected one)')
    .option('--to-pod <port>', 'port of localhost that leads to the pod; repeatable', collectCommaList)
    .option('-e, --env-file <file>', 'write the environment of the container to a file')
    .addOption(new Option('--env-syntax <syntax>', 'syntax of that file').choices(envSyntaxes).default('docker'))
    .option('-j, --env-json <file>', 'write the environment as JSON')
    .addOption(new Option('--mechanism <mechanism>', 'how connections are chosen').choices(['tcp']).default('tcp'))
    .option('--mount <value>', 'volumes of the container: only false is there yet', 'false')
    .option('--wait-message <text>', 'print this once the command after -- runs')
    .option('--detailed-output', 'structured output: with environment and ids');
  add(program, group, 'leave', 'end an intercept', 'leave shop')
    .alias('detach')
    .addArgument(new Argument('<engagement>', 'name of the intercept'));
  addTraffic(add(program, group, 'traffic', 'show requests that come to the laptop', 'traffic shop --follow --status 4xx,5xx'));
  add(program, group, 'revoke', "end somebody else's intercept, as an administrator", 'revoke alice@laptop:shop').addArgument(
    new Argument('<id>', '<session>:<name>, or <user>@<laptop>:<name> as a conflict names it'),
  );
}

function addTraffic(command: Commander): void {
  command
    .addArgument(new Argument('[engagement]', 'name of the intercept (default: all)'))
    .option('-f, --follow', 'go on with what comes, until Ctrl-C; with --output default or json-stream')
    .option('--method <methods>', 'only requests with one of these methods', collectCommaList)
    .option('--status <classes>', 'only 2xx, 3xx, 4xx, 5xx, open or failed; several by commas', collectCommaList)
    .option('--grep <words>', 'only what has these words in its path, host or addresses')
    .option('--detail', 'with headers, and bodies as far as they were kept')
    .option('--bodies', 'with --follow: keep the first 16 KiB of each body, for --detail, --curl and --har')
    .option('--curl', 'a command for each request that sends it again')
    .option('--har <file>', 'write the requests to a HTTP archive')
    .option('--reveal', 'with secrets, and in the archive with bodies')
    .addOption(new Option('--clear', 'forget what was recorded').conflicts(['follow', 'har', 'curl', 'detail']));
}

function addInstallCommands(program: Commander, add: Add): void {
  const group = 'Install commands:';
  addKubeFlags(
    add(program, group, 'uninstall', 'remove agents from workloads', 'uninstall shop cart && telepresence uninstall --all-agents')
      .usage('[options] (<workload>… | --all-agents | --everything)')
      .addArgument(new Argument('[workload...]', 'workloads of the connected namespace'))
      .option('-a, --all-agents', 'remove all agents of the traffic-manager, in all namespaces')
      .option('-e, --everything', 'remove all agents and the traffic-manager, and end the daemons')
      .option('--manager-namespace <namespace>', 'with --everything: namespace of the traffic-manager'),
  );
  const helm = new Commander('helm')
    .description('install, upgrade or remove the traffic-manager')
    .helpGroup(group)
    .copyInheritedSettings(program)
    .addHelpText('after', '\nExample:\n  telepresence helm install --values values.yaml');
  program.addCommand(helm);
  const target = (command: Commander) =>
    addKubeFlags(
      command
        .option('-n, --namespace <namespace>', 'namespace of the traffic-manager')
        .option('--manager-namespace <namespace>', 'the same'),
    );
  const withValues = (command: Commander) =>
    command
      .option('-f, --values <file>', 'file or URL with values, - is standard input; repeatable', collectList)
      .option('--set <key=value>', 'value; repeatable', collectList)
      .option('--set-string <key=value>', 'value that is a string; repeatable', collectList)
      .option('--set-file <key=file>', 'value that is the content of a file; repeatable', collectList)
      .option('--set-json <key=json>', 'value that is JSON; repeatable', collectList);
  const change = (command: Commander) =>
    target(
      withValues(command)
        .option('--create-namespace', 'create the namespace where it is missing', true)
        .option('--no-create-namespace', 'fail where the namespace is missing')
        .option('--dry-run', 'print what would be applied, and apply nothing')
        .option('--no-hooks', 'for scripts written for helm: installing runs no hooks')
        .option('--version <version>', 'version to install, which has to be that of this command'),
    );
  const helmGroup = 'Commands:';
  change(add(helm, helmGroup, 'helm install', 'install the traffic-manager', 'helm install --set agent.port=9900'));
  change(
    add(
      helm,
      helmGroup,
      'helm upgrade',
      'change or update the traffic-manager',
      'helm upgrade --reuse-values --set logLevel=debug',
    )
      .option('--reset-values', 'start from the built-in values')
      .option('--reuse-values', 'start from the values of the installed release'),
  );
  target(
    add(helm, helmGroup, 'helm uninstall', 'remove the traffic-manager and its agents', 'helm uninstall')
      .option('--dry-run', 'print what would be removed, and remove nothing')
      .option('--no-hooks', 'leave the agents in their pods'),
  );
  withValues(add(helm, helmGroup, 'helm lint', 'check values', 'helm lint --values values.yaml'));
  add(helm, helmGroup, 'helm version', 'show the version of the built-in chart', 'helm version');
}

function addSandboxCommands(program: Commander, add: Add): void {
  const sandbox = new Commander('sandbox')
    .description('start a small stand-in for a cluster on this machine; it is not Kubernetes')
    .helpGroup('Other commands:')
    .copyInheritedSettings(program)
    .addHelpText('after', '\nExample:\n  telepresence sandbox up');
  program.addCommand(sandbox);
  const group = 'Commands:';
  add(sandbox, group, 'sandbox up', 'start it and print its kubeconfig', 'sandbox up --shop')
    .option('--address <ip>', 'address of this machine that its API server listens on (default: 127.0.0.1)')
    .option('--port <port>', 'port of its API server (default: any)')
    .option('--images <file>', 'JSON file with programs that stand for images')
    .option('--shop', 'deploy a demo shop to intercept, also into one that runs already');
  add(sandbox, group, 'sandbox down', 'end it, with everything that runs in it', 'sandbox down');
  add(sandbox, group, 'sandbox status', 'show whether it runs, and where', 'sandbox status --output json');
}

function addOtherCommands(program: Commander, add: Add): void {
  const debug = 'Debug commands:';
  add(program, debug, 'loglevel', 'change the log level for a while', 'loglevel debug --duration 10m')
    .addArgument(new Argument('<level>', 'new level').choices(logLevels))
    .option('-d, --duration <duration>', 'time until the level is as before; 0 keeps it', '30m')
    .addOption(new Option('-l, --local-only', 'only on the laptop').conflicts('remoteOnly'))
    .option('-r, --remote-only', 'only in the cluster');
  add(program, debug, 'gather-logs', 'put all logs into a zip file', 'gather-logs --anonymize --output-file logs.zip')
    .option('-o, --output-file <file>', 'the zip file (default: telepresence_logs_<time>.zip here)')
    .option('--daemons <names>', 'logs of the laptop: all, root, user, None; several by commas', 'all')
    .addOption(
      new Option('--traffic-manager [wanted]', 'log of the traffic-manager')
        .choices(['true', 'false'])
        .default('true')
        .preset('true'),
    )
    .option('--traffic-agents <pods>', 'logs of agents: all, None, or a part of the names of pods', 'all')
    .option('-a, --anonymize', 'give pods and namespaces other names, the same everywhere')
    .option('-y, --get-pod-yaml', 'with the YAML of the pods whose logs are there');
  addKubeFlags(
    add(program, debug, 'doctor', 'look for what is in the way', 'doctor --output json')
      .addArgument(new Argument('[check...]', 'ids of checks (default: all)').choices(doctorCheckIds))
      .option('--manager-namespace <namespace>', 'namespace of the traffic-manager'),
  );
  const other = 'Other commands:';
  add(program, other, 'ui', 'open the window in a browser', 'ui --no-open').option('--no-open', 'only print its address');
  const config = new Commander('config')
    .description('look at the configuration')
    .helpGroup(other)
    .copyInheritedSettings(program)
    .addHelpText('after', '\nExample:\n  telepresence config view');
  program.addCommand(config);
  add(config, 'Commands:', 'config view', 'show the configuration in effect', 'config view --client-only').option(
    '-c, --client-only',
    'without what the traffic-manager adds',
  );
  addKubeFlags(add(program, other, 'list-contexts', 'list the contexts of the kubeconfig', 'list-contexts --output json'));
  addKubeFlags(add(program, other, 'list-namespaces', 'list the namespaces of a cluster', 'list-namespaces --context staging'));
  add(
    program,
    other,
    'completion',
    'print a completion script',
    'completion bash > ~/.local/share/bash-completion/completions/telepresence',
  ).addArgument(new Argument('<shell>', 'shell to complete in').choices(completionShells));
  add(program, other, 'version', 'show the versions of all parts', 'version --output json');
}
