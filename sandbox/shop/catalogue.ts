// The catalogue as it is in the cluster.
import { serveCatalogue } from './catalogue-server.ts';

serveCatalogue({ version: 'catalogue v1', change: (offer) => offer });
