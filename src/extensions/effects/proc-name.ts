// Names of tables that show in /proc/net (net/netfilter/x_tables.c, xt_check_proc_name).

/** Why the kernel refuses the name, as a sentence; undefined where it takes it. */
export function procNameRefusal(name: string): string | undefined {
  if (name !== '' && name !== '.' && name !== '..' && !name.includes('/')) return undefined;
  return 'the name of the table cannot be that of a file';
}
