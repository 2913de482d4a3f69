import { fieldAt, type KubeObject, textAt } from './objects.ts';
import { badRequest } from './status-error.ts';

export type ObjectFilter = (object: KubeObject) => boolean;

/** `app=web,tier in (a, b),!old` of a request. Nothing selects everything. */
export function parseLabelSelector(text: string | undefined): ObjectFilter {
  if (text === undefined || text.trim() === '') return () => true;
  const requirements = splitOutsideParentheses(text).map(labelRequirement);
  return (object) => requirements.every((fits) => fits(object.metadata.labels ?? {}));
}

/** `metadata.name=web,status.phase!=Running` of a request: any field that is text, a number or a boolean. */
export function parseFieldSelector(text: string | undefined): ObjectFilter {
  if (text === undefined || text.trim() === '') return () => true;
  const requirements = text.split(',').map((part) => {
    const match = /^([^=!]+)(!=|==|=)(.*)$/.exec(part.trim());
    if (match === null) throw badRequest(`invalid field selector ${JSON.stringify(part)}`);
    const [, path = '', operator, value] = match;
    return (object: KubeObject) => {
      const found = fieldAt(object, ...path.trim().split('.'));
      const isEqual = (typeof found === 'boolean' ? String(found) : textAt(found)) === value;
      return operator === '!=' ? !isEqual : isEqual;
    };
  });
  return (object) => requirements.every((fits) => fits(object));
}

type LabelRequirement = (labels: Readonly<Record<string, string>>) => boolean;

function labelRequirement(text: string): LabelRequirement {
  const set = /^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$/.exec(text);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    const isIn = (labels: Readonly<Record<string, string>>) => labels[key] !== undefined && values.includes(labels[key]);
    return operator === 'in' ? isIn : (labels) => !isIn(labels);
  }
  const equality = /^\s*([^\s=!]+)\s*(==|=|!=)\s*(\S*)\s*$/.exec(text);
  if (equality !== null) {
    const [, key = '', operator, value] = equality;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const existence = /^\s*(!?)\s*([^\s=!()]+)\s*$/.exec(text);
  if (existence === null) throw badRequest(`unable to parse requirement: ${JSON.stringify(text)}`);
  const [, isNegated, key = ''] = existence;
  return isNegated === '!' ? (labels) => labels[key] === undefined : (labels) => labels[key] !== undefined;
}

function splitOutsideParentheses(text: string): readonly string[] {
  return text.split(/,(?![^(]*\))/);
}
