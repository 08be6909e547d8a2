// @ts-nocheck
// Generated automatically by nearley, version 2.20.1
// http://github.com/Hardmath123/nearley
// Bypasses TS6133. Allow declared but unused functions.
// @ts-ignore
function id(d: any[]): any { return d[0]; }
declare var star: any;
declare var blank: any;
declare var word: any;
declare var colon: any;
declare var counters: any;
declare var negation: any;
declare var option: any;
declare var value: any;
declare var open: any;
declare var number: any;
declare var close: any;
declare var comma: any;
declare var slash: any;
declare var dotted: any;
declare var name: any;
declare var plus: any;

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
    {"name": "table$ebnf$1", "symbols": [(lexer.has("blank") ? {type: "blank"} : blank)], "postprocess": id},
    {"name": "table$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "table$ebnf$2", "symbols": [(lexer.has("blank") ? {type: "blank"} : blank)], "postprocess": id},
    {"name": "table$ebnf$2", "symbols": [], "postprocess": () => null},
    {"name": "table", "symbols": [(lexer.has("star") ? {type: "star"} : star), "table$ebnf$1", (lexer.has("word") ? {type: "word"} : word), "table$ebnf$2"], "postprocess": node.tableLine},
    {"name": "chain$ebnf$1", "symbols": [(lexer.has("blank") ? {type: "blank"} : blank)], "postprocess": id},
    {"name": "chain$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "chain$ebnf$2$subexpression$1", "symbols": [(lexer.has("blank") ? {type: "blank"} : blank), (lexer.has("word") ? {type: "word"} : word)]},
    {"name": "chain$ebnf$2", "symbols": ["chain$ebnf$2$subexpression$1"], "postprocess": id},
    {"name": "chain$ebnf$2", "symbols": [], "postprocess": () => null},
    {"name": "chain$ebnf$3", "symbols": [(lexer.has("blank") ? {type: "blank"} : blank)], "postprocess": id},
    {"name": "chain$ebnf$3", "symbols": [], "postprocess": () => null},
    {"name": "chain", "symbols": [(lexer.has("colon") ? {type: "colon"} : colon), "chain$ebnf$1", (lexer.has("word") ? {type: "word"} : word), (lexer.has("blank") ? {type: "blank"} : blank), (lexer.has("word") ? {type: "word"} : word), "chain$ebnf$2", "chain$ebnf$3"], "postprocess": node.chainLine},
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
    {"name": "counters", "symbols": [(lexer.has("open") ? {type: "open"} : open), (lexer.has("number") ? {type: "number"} : number), (lexer.has("colon") ? {type: "colon"} : colon), (lexer.has("number") ? {type: "number"} : number), (lexer.has("close") ? {type: "close"} : close)], "postprocess": node.counters},
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
    {"name": "portRange", "symbols": ["numberOrName"], "postprocess": node.onePort},
    {"name": "portRange$ebnf$1", "symbols": ["numberOrName"], "postprocess": id},
    {"name": "portRange$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "portRange$ebnf$2", "symbols": ["numberOrName"], "postprocess": id},
    {"name": "portRange$ebnf$2", "symbols": [], "postprocess": () => null},
    {"name": "portRange", "symbols": ["portRange$ebnf$1", (lexer.has("colon") ? {type: "colon"} : colon), "portRange$ebnf$2"], "postprocess": node.portRange},
    {"name": "tcpFlags$ebnf$1", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": id},
    {"name": "tcpFlags$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "tcpFlags$ebnf$2", "symbols": []},
    {"name": "tcpFlags$ebnf$2$subexpression$1$ebnf$1", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": id},
    {"name": "tcpFlags$ebnf$2$subexpression$1$ebnf$1", "symbols": [], "postprocess": () => null},
    {"name": "tcpFlags$ebnf$2$subexpression$1", "symbols": [(lexer.has("comma") ? {type: "comma"} : comma), "tcpFlags$ebnf$2$subexpression$1$ebnf$1"]},
    {"name": "tcpFlags$ebnf$2", "symbols": ["tcpFlags$ebnf$2", "tcpFlags$ebnf$2$subexpression$1"], "postprocess": (d) => d[0].concat([d[1]])},
    {"name": "tcpFlags", "symbols": ["tcpFlags$ebnf$1", "tcpFlags$ebnf$2"], "postprocess": node.flagNames},
    {"name": "icmpType", "symbols": ["numberOrName"], "postprocess": node.icmpType},
    {"name": "icmpType", "symbols": [(lexer.has("number") ? {type: "number"} : number), (lexer.has("slash") ? {type: "slash"} : slash), (lexer.has("number") ? {type: "number"} : number)], "postprocess": node.icmpTypeCode},
    {"name": "numberOrName", "symbols": [(lexer.has("number") ? {type: "number"} : number)], "postprocess": node.number},
    {"name": "numberOrName", "symbols": [(lexer.has("name") ? {type: "name"} : name)], "postprocess": node.name}
  ],
  ParserStart: "table",
};

export default grammar;
