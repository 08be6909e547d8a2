// Manual pages in the man(7) macros of roff.

/** Text as roff prints it: nothing in it is a command. */
export function plain(text: string): string {
  const escaped = text.replace(/\\/g, '\\e').replace(/-/g, '\\-');
  return escaped.replace(/^([.'])/gm, '\\&$1');
}

export function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${plain(text)}\\fR`;
}

/** A page while it is written. Texts of `line` and `item` are roff already: made by `plain`, `bold` and `italic`. */
export class ManualPage {
  private readonly lines: string[];

  constructor(name: string, section: number, about: string) {
    this.lines = [`.TH ${name.toUpperCase()} ${section} "" bpfilter`, '.SH NAME', `${plain(name)} \\- ${plain(about)}`];
  }

  section(title: string): this {
    this.lines.push(`.SH ${title.toUpperCase()}`);
    return this;
  }

  subsection(title: string): this {
    this.lines.push(`.SS ${plain(title)}`);
    return this;
  }

  paragraph(text: string): this {
    this.lines.push('.PP', plain(text));
    return this;
  }

  /** A line of its own. */
  line(roff: string): this {
    this.lines.push(roff, '.br');
    return this;
  }

  /** Something named, with what it is below. */
  item(roff: string, about: string): this {
    this.lines.push('.TP', roff, plain(about));
    return this;
  }

  text(): string {
    return this.lines.map((line) => `${line}\n`).join('');
  }
}
