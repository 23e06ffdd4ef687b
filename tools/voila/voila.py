"""How Voila serves the demo page: `python -m voila my_lessons/demo.ipynb --Voila.config_file_paths=tools/voila`.

`make demo` calls it so. The reader's own settings of Voila do not count: they may be for another page.
"""

import os
from pathlib import Path

os.environ["JUPYTER_PATH"] = os.pathsep.join(
    filter(None, [str(Path(__file__).parents[1]), os.environ.get("JUPYTER_PATH")])
)  # Voila looks for templates in voila/templates there
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a model this small is no faster on two cores, and visitors share them

c = get_config()  # noqa: F821 (Voila runs this file, and brings the function)
c.Voila.ip = "127.0.0.1"  # this machine alone
c.VoilaConfiguration.template = "valley"
c.VoilaConfiguration.extension_allowlist = [  # of JupyterLab's, what draws views; some of the others fail here
    "anywidget",
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
]
c.Voila.tornado_settings = {"disable_check_xsrf": True}  # Voila sends no such mark, and so refuses to end a process
c.VoilaConfiguration.show_tracebacks = True  # the reader of a page that fails is its author

# A page that is closed ends its process itself. This ends those of browsers that crashed or lost the network. It is why
# no process is made ahead (preheat_kernel): one that had waited long could be ended just before its page connects.
c.MappingKernelManager.cull_idle_timeout = 600  # seconds
c.MappingKernelManager.cull_interval = 60
