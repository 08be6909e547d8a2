# The grammar of iptables-save: lines, rules, and every kind of value that an option takes.
#
# Each start symbol is parsed by itself, on one line or one word; `parse.ts` says with which lexer. Words of a rule
# reach `rule` already told apart (option, value, negation) by `getopt.ts`, because which they are depends on the matches
# loaded so far. Every input has at most one parse; a test asserts it.

@preprocessor typescript
@lexer lexer

@{%
import { lexer } from './lexer.ts';
import * as node from './nodes.ts';
%}

# ----- lines -----

table -> %star lineWords                                                 {% node.lineOf %}

chain -> %colon lineWords                                                {% node.lineOf %}

lineWords -> %blank:? (%word %blank:?):*                                 {% node.lineWords %}

rule -> %counters:? setting:*                                            {% node.ruleLine %}

setting -> %negation:? %option %value:*                                  {% node.setting %}

# ----- values -----

integer -> %number                                                       {% node.integer %}

idRange -> %number (%separator %number):?                               {% node.idRange %}

maskedInteger -> %number (%slash %number):?                              {% node.maskedInteger %}

decimal -> %decimal                                                      {% node.decimal %}

words -> %name:? (%comma %name:?):*                                      {% node.words %}

addressList -> address (%comma address):*                                {% node.list %}

address -> %blank:? host (%slash host):?                                 {% node.address %}

host -> %dotted                                                          {% node.dotted %}
      | %name                                                            {% node.hostName %}

interface -> %name                                                       {% node.interfaceName %}
           | %name:? %plus                                               {% node.interfacePrefix %}

protocol -> numberOrName                                                 {% id %}

port -> numberOrName                                                     {% id %}

hardwareAddress -> %hex:? (%colon %hex:?):*                              {% node.octets %}

numberOrName -> %number                                                  {% node.number %}
              | %name                                                    {% node.name %}
