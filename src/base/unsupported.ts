// What a kernel cannot do for us.

/** The running kernel lacks something; the message says what, and from which version on kernels have it. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
  readonly feature: string;
  readonly minimumKernel: string;
  /** What to do instead, if anything. */
  readonly remedy: string | undefined;

  constructor(feature: string, minimumKernel: string, release?: string, remedy?: string) {
    super(`${feature} needs kernel ${minimumKernel} or later${release === undefined ? '' : ` (this is ${release})`}`);
    this.feature = feature;
    this.minimumKernel = minimumKernel;
    this.remedy = remedy;
  }
}
