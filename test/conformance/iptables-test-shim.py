"""Runs an iptables-test.py with its log in TMPDIR: its own is one fixed file, and several runs go on at a time.

iptables-test-shim.py PATH-OF-IPTABLES-TEST [--explain] ARGUMENT...

With --explain a complaint is followed by what the command said, or what iptables-save printed, behind bars.
"""

import importlib.util
import subprocess
import sys
import tempfile

path, *arguments = sys.argv[1:]
specification = importlib.util.spec_from_file_location('iptables_test', path)
suite = importlib.util.module_from_spec(specification)
specification.loader.exec_module(suite)
suite.LOGFILE = f'{tempfile.gettempdir()}/iptables-test.log'

complain = suite.print_error


def complain_and_explain(reason, *place, **named_place):
    complain(reason, *place, **named_place)
    kind, _, command = reason.partition(': ')
    tool = command.split(' ')[0]
    if kind == 'cannot find':
        lines = [line for line in output_of(f'{tool}-save') if line.startswith('-A')]
    elif kind in ('cannot load', 'cannot delete'):
        lines = output_of(command if kind == 'cannot load' else command.replace(' -I ', ' -D '))
    else:
        return
    for line in lines:
        print(f'  | {line}', file=sys.stderr)


def output_of(command):
    done = subprocess.run(
        f'{suite.EXECUTABLE} {command}', shell=True, text=True, errors='replace',
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.splitlines()


if '--explain' in arguments:
    arguments.remove('--explain')
    suite.print_error = complain_and_explain
sys.argv = [path, *arguments]
suite.main()
