"""Writes and reads back at QUORUM until a file appears, then reads everything, and tells what was acknowledged and not found."""

import json
import os
import sys
import time

from cassandra import ConsistencyLevel
from cassandra.cluster import Cluster
from cassandra.query import SimpleStatement
