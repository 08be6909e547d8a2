import { describe, expect, it } from 'vitest';
import { checkVectorTexts, parseVectors } from '../../conformance/texts.ts';

describe('a file of vectors', () => {
  it('is read with its tables and chains', () => {
    const text = '# of nothing\n:INPUT,FORWARD\n-p tcp;=;OK\n\n@nfct add\n*raw\n:OUTPUT\n-s 1.1.1.1;-s 1.1.1.1/32;OK\n';
    expect(parseVectors(text).map(({ text: _, ...vector }) => vector)).toEqual([
      { line: 3, table: 'filter', chains: ['INPUT', 'FORWARD'], rule: '-p tcp', saved: '-p tcp', result: 'OK' },
      { line: 8, table: 'raw', chains: ['OUTPUT'], rule: '-s 1.1.1.1', saved: '-s 1.1.1.1/32', result: 'OK' },
    ]);
  });

  it.each([
    ['x;=;OK;LEGACY', 'OK'],
    ['x;;FAIL;LEGACY', 'FAIL'],
    ['x;=;OK;NFT', 'FAIL'],
    ['x;;FAIL;NFT', 'OK'],
    ['x;=;NOMATCH;NFT', 'OK'],
    ['x;=;OK;NFT;NOMATCH', 'NOMATCH'],
  ])('says of legacy: %s', (line, result) => {
    expect(parseVectors(`:INPUT\n${line}\n`).map((vector) => vector.result)).toEqual([result]);
  });
});

describe('a vector', () => {
  it.each([
    '-p tcp -m tcp --dport 22;=;OK',
    '-s 1.1.1.1;-s 1.1.1.1/32;OK',
    '-p tcp --dport 70000;;FAIL',
    '-s 1.1.1.1;-s 1.1.1.2/32;NOMATCH',
  ])('passes: %s', (line) => {
    expect(checkVectorTexts('libxt_a.t', `:INPUT,OUTPUT\n${line}\n`)).toEqual({ tests: 1, failed: [] });
  });

  it.each([
    ['-s 1.1.1.1;=x;OK', 'printed as -A INPUT -s 1.1.1.1/32'],
    ['-s 1.1.1.1;;FAIL', 'INPUT: should be refused'],
    ['-s 1.1.1.1;-s 1.1.1.1/32;NOMATCH', 'printed as -A INPUT -s 1.1.1.1/32'],
    ['-i eth0;=;OK', "Can't use -i with OUTPUT"],
    ['-m nosuch --x;;FAIL', 'nosuch'],
  ])('fails: %s', (line, complaint) => {
    const { failed } = checkVectorTexts('libxt_a.t', `:INPUT,OUTPUT\n${line}\n`);
    expect(failed).toMatchObject([{ line: 2, vector: line, complaint: expect.stringContaining(complaint) }]);
  });
});
