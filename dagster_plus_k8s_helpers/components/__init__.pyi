# The public names, a line each: type checkers read this file, and so does lazy_loader.

from .defaults import K8sDefaultsComponent as K8sDefaultsComponent
from .executors import K8sExecutorComponent as K8sExecutorComponent
from .secrets import SecretsComponent as SecretsComponent
