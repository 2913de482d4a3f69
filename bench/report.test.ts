import { describe, expect, it } from 'vitest';
import type { Finding } from './measures/measure.ts';
import { line, markdownTable } from './report.ts';

const slow: Finding = {
  title: 'TCP round trip, p50',
  unit: 'ms',
  samples: { ours: [0.8], pf: [0.5], direct: [0.03] },
  bar: { reach: 'at-most', bar: 1.25, goal: 1.1, relation: { kind: 'times-pf' } },
};

describe('report', () => {
  it('says beside each figure which bar it falls short of', () => {
    expect(line(slow)).toMatch(/ours +0\.80 +pf +0\.50 +direct +0\.03 ms +1\.60 × pf +bar ≤ 1\.25 × pf +falls short of its bar$/);
  });

  it('says nothing of the kind where the bar is reached or the figure is missing', () => {
    expect(line({ ...slow, samples: { ours: [0.6], pf: [0.5] } })).not.toContain('falls short');
    expect(line({ ...slow, samples: { pf: [0.5] } })).not.toContain('falls short');
  });

  it('makes a table whose rows have as many cells as its head', () => {
    const rows = markdownTable([slow, { title: 'version', unit: 'ms', samples: { ours: [61] }, note: 'a | b' }]).split('\n');
    const cells = rows.map((row) => row.replaceAll('\\|', '').split('|').length);
    expect(new Set(cells).size).toBe(1);
    expect(rows).toHaveLength(4);
  });
});
