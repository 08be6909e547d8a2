"""Runs an iptables-test.py with its log elsewhere: its own is one fixed file, and several runs go on at a time.

iptables-test-shim.py PATH-OF-IPTABLES-TEST LOG ARGUMENT...
"""

import importlib.util
import sys

path, log, *arguments = sys.argv[1:]
specification = importlib.util.spec_from_file_location('iptables_test', path)
suite = importlib.util.module_from_spec(specification)
specification.loader.exec_module(suite)
suite.LOGFILE = log
sys.argv = [path, *arguments]
suite.main()
