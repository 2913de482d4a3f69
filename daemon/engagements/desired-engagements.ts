import { create } from '@bufbuild/protobuf';
import * as z from 'zod/mini';
import type { Logger } from '#base/common/log.ts';
import { readIfThere, replaceFile } from '#base/node/text-file.ts';
import { type SessionInfo, SessionInfoSchema } from '#protocol/cluster/generated/manager_pb.js';
import { interceptRequest } from '#protocol/local-api/model.ts';

const fileSchema = z.object({
  /** By which the traffic-manager knows the laptop: a daemon that is started again resumes it, and finds its intercepts. */
  session: z.optional(z.object({ sessionId: z.string(), clusterId: z.string(), installId: z.optional(z.string()) })),
  engagements: z.array(interceptRequest),
});
type WantedEngagements = z.infer<typeof fileSchema>;

/** The engagements that the user wants of one connection, kept in a file that survives a crash of thread or daemon. */
export class DesiredEngagements {
  readonly #file: string;
  readonly #logger: Logger;

  constructor(file: string, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
  }

  read(): WantedEngagements {
    try {
      const text = readIfThere(this.#file);
      return text === undefined ? { engagements: [] } : z.parse(fileSchema, JSON.parse(text));
    } catch (error) {
      this.#logger.warn('The file of wanted engagements is of no use', { file: this.#file, error });
      return { engagements: [] };
    }
  }

  write(wanted: WantedEngagements): void {
    try {
      replaceFile(this.#file, JSON.stringify(wanted));
    } catch (error) {
      this.#logger.warn('Engagements could not be kept: they would not survive a crash', { error });
    }
  }
}

/** The session of an earlier daemon that ended without departing: resumed, so that its intercepts are found again. */
export function formerSession(file: string, logger: Logger): SessionInfo | undefined {
  const { session } = new DesiredEngagements(file, logger).read();
  if (session === undefined) return undefined;
  const { installId, ...known } = session;
  return create(SessionInfoSchema, { ...known, ...(installId === undefined ? {} : { installId }) });
}
