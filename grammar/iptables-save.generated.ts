// @ts-nocheck
// Generated automatically by nearley, version 2.20.1
// http://github.com/Hardmath123/nearley
// Bypasses TS6133. Allow declared but unused functions.
// @ts-ignore
function id(d: any[]): any { return d[0]; }
declare var star: any;
declare var colon: any;
declare var blank: any;
declare var word: any;
declare var counters: any;
declare var negation: any;
declare var option: any;
declare var value: any;
declare var number: any;
declare var separator: any;
declare var slash: any;
declare var decimal: any;
declare var name: any;
declare var comma: any;
declare var dotted: any;
declare var plus: any;
declare var hex: any;

import { lexer } from './lexer.ts';
import * as node from './nodes.ts';

interface NearleyToken {
  value: any;
  [key: string]: any;
};

interface NearleyLexer {
  reset: (chunk: string, info: any) => void;
  next: () => NearleyToken | undefined;
  save: () => any;
  formatError: (token: never) => string;
  has: (tokenType: string) => boolean;
};

interface NearleyRule {
  name: string;
  symbols: NearleySymbol[];
  postprocess?: (d: any[], loc?: number, reject?: {}) => any;
};

type NearleySymbol = string | { literal: any } | { test: (token: any) => boolean };

interface Grammar {
  Lexer: NearleyLexer | undefined;
  ParserRules: NearleyRule[];
  ParserStart: string;
};

const grammar: Grammar = {
  Lexer: lexer,
  ParserRules: [
    {"name": "table", "symbols": [(lexer.has("star") ? {type: "star"} : star), "lineWords"], "postprocess": node.lineOf},
    {"name": "chain", "symbols": [(lexer.has("colon") ? {type: "colon"} : colon), "lineWords"], "postprocess": node.lineOf},
    {"name": "lineWords$ebnf$1", "symbols": [(lexer.has("blank") ? {type: "blank"} : blank)], "postprocess": id},
    {"name": "lineWords$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "lineWords$ebnf$2", "symbols": []},
    {"name": "lineWords$ebnf$2$subexpression$1$ebnf$1", "symbols": [(lexer.has("blank") ? {type: "blank"} : blank)], "postprocess": id},
    {"name": "lineWords$ebnf$2$subexpression$1$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "lineWords$ebnf$2$subexpression$1", "symbols": [(lexer.has("word") ? {type: "word"} : word), "lineWords$ebnf$2$subexpression$1$ebnf$1"]},
    {"name": "lineWords$ebnf$2", "symbols": ["lineWords$ebnf$2", "lineWords$ebnf$2$subexpression$1"], "postprocess": (d) => d[0].concat([d[1]])},
    {"name": "lineWords", "symbols": ["lineWords$ebnf$1", "lineWords$ebnf$2"], "postprocess": node.lineWords},
    {"name": "rule$ebnf$1", "symbols": [(lexer.has("counters") ? {type: "counters"} : counters)], "postprocess": id},
    {"name": "rule$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "rule$ebnf$2", "symbols": []},
    {"name": "rule$ebnf$2", "symbols": ["rule$ebnf$2", "setting"], "postprocess": (d) => d[0].concat([d[1]])},
    {"name": "rule", "symbols": ["rule$ebnf$1", "rule$ebnf$2"], "postprocess": node.ruleLine},
    {"name": "setting$ebnf$1", "symbols": [(lexer.has("negation") ? {type: "negation"} : negation)], "postprocess": id},
    {"name": "setting$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "setting$ebnf$2", "symbols": []},
    {"name": "setting$ebnf$2", "symbols": ["setting$ebnf$2", (lexer.has("value") ? {type: "value"} : value)], "postprocess": (d) => d[0].concat([d[1]])},
    {"name": "setting", "symbols": ["setting$ebnf$1", (lexer.has("option") ? {type: "option"} : option), "setting$ebnf$2"], "postprocess": node.setting},
    {"name": "integer", "symbols": [(lexer.has("number") ? {type: "number"} : number)], "postprocess": node.integer},
    {"name": "idRange$ebnf$1$subexpression$1", "symbols": [(lexer.has("separator") ? {type: "separator"} : separator), (lexer.has("number") ? {type: "number"} : number)]},
    {"name": "idRange$ebnf$1", "symbols": ["idRange$ebnf$1$subexpression$1"], "postprocess": id},
    {"name": "idRange$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "idRange", "symbols": [(lexer.has("number") ? {type: "number"} : number), "idRange$ebnf$1"], "postprocess": node.idRange},
    {"name": "maskedInteger$ebnf$1$subexpression$1", "symbols": [(lexer.has("slash") ? {type: "slash"} : slash), (lexer.has("number") ? {type: "number"} : number)]},
    {"name": "maskedInteger$ebnf$1", "symbols": ["maskedInteger$ebnf$1$subexpression$1"], "postprocess": id},
    {"name": "maskedInteger$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "maskedInteger", "symbols": [(lexer.has("number") ? {type: "number"} : number), "maskedInteger$ebnf$1"], "postprocess": node.maskedInteger},
    {"name": "decimal", "symbols": [(lexer.has("decimal") ? {type: "decimal"} : decimal)], "postprocess": node.decimal},
    {"name": "words$ebnf$1", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": id},
    {"name": "words$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "words$ebnf$2", "symbols": []},
    {"name": "words$ebnf$2$subexpression$1$ebnf$1", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": id},
    {"name": "words$ebnf$2$subexpression$1$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "words$ebnf$2$subexpression$1", "symbols": [(lexer.has("comma") ? {type: "comma"} : comma), "words$ebnf$2$subexpression$1$ebnf$1"]},
    {"name": "words$ebnf$2", "symbols": ["words$ebnf$2", "words$ebnf$2$subexpression$1"], "postprocess": (d) => d[0].concat([d[1]])},
    {"name": "words", "symbols": ["words$ebnf$1", "words$ebnf$2"], "postprocess": node.words},
    {"name": "addressList$ebnf$1", "symbols": []},
    {"name": "addressList$ebnf$1$subexpression$1", "symbols": [(lexer.has("comma") ? {type: "comma"} : comma), "address"]},
    {"name": "addressList$ebnf$1", "symbols": ["addressList$ebnf$1", "addressList$ebnf$1$subexpression$1"], "postprocess": (d) => d[0].concat([d[1]])},
    {"name": "addressList", "symbols": ["address", "addressList$ebnf$1"], "postprocess": node.list},
    {"name": "address$ebnf$1", "symbols": [(lexer.has("blank") ? {type: "blank"} : blank)], "postprocess": id},
    {"name": "address$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "address$ebnf$2$subexpression$1", "symbols": [(lexer.has("slash") ? {type: "slash"} : slash), "host"]},
    {"name": "address$ebnf$2", "symbols": ["address$ebnf$2$subexpression$1"], "postprocess": id},
    {"name": "address$ebnf$2", "symbols": [], "postprocess": () => null},
    {"name": "address", "symbols": ["address$ebnf$1", "host", "address$ebnf$2"], "postprocess": node.address},
    {"name": "host", "symbols": [(lexer.has("dotted") ? {type: "dotted"} : dotted)], "postprocess": node.dotted},
    {"name": "host", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": node.hostName},
    {"name": "interface", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": node.interfaceName},
    {"name": "interface$ebnf$1", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": id},
    {"name": "interface$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "interface", "symbols": ["interface$ebnf$1", (lexer.has("plus") ? {type: "plus"} : plus)], "postprocess": node.interfacePrefix},
    {"name": "protocol", "symbols": ["numberOrName"], "postprocess": id},
    {"name": "port", "symbols": ["numberOrName"], "postprocess": id},
    {"name": "hardwareAddress$ebnf$1", "symbols": [(lexer.has("hex") ? {type: "hex"} : hex)], "postprocess": id},
    {"name": "hardwareAddress$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "hardwareAddress$ebnf$2", "symbols": []},
    {"name": "hardwareAddress$ebnf$2$subexpression$1$ebnf$1", "symbols": [(lexer.has("hex") ? {type: "hex"} : hex)], "postprocess": id},
    {"name": "hardwareAddress$ebnf$2$subexpression$1$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "hardwareAddress$ebnf$2$subexpression$1", "symbols": [(lexer.has("colon") ? {type: "colon"} : colon), "hardwareAddress$ebnf$2$subexpression$1$ebnf$1"]},
    {"name": "hardwareAddress$ebnf$2", "symbols": ["hardwareAddress$ebnf$2", "hardwareAddress$ebnf$2$subexpression$1"], "postprocess": (d) => d[0].concat([d[1]])},
    {"name": "hardwareAddress", "symbols": ["hardwareAddress$ebnf$1", "hardwareAddress$ebnf$2"], "postprocess": node.octets},
    {"name": "numberOrName", "symbols": [(lexer.has("number") ? {type: "number"} : number)], "postprocess": node.number},
    {"name": "numberOrName", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": node.name}
  ],
  ParserStart: "table",
};

export default grammar;
