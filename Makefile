# `make` shows what there is. Everything runs in .venv, which the first target makes.

PYTHON ?=#   the Python that makes .venv; default: the first of 3.11 or newer that is found
TORCH ?=#   cpu: PyTorch without its gigabytes for NVIDIA cards
ARGS ?=#   more words for JupyterLab (lab) or pytest (test): make test ARGS="-x -k rope"
LESSON ?=#   how a lesson's name begins: make lessons LESSON=01
SAVE ?=#   1: keep what was measured
COMPILE ?=#   1: make bench measures compiled decoding too; on a CPU it takes a C++ compiler
LLAMA2C ?=#   llama2.c's program for make bench to stand beside: make bench LLAMA2C=llama2.c/run
QUICK ?=#   1: make weights in minutes, only to see that pretraining works

RUN    = .venv/bin/python
FIRST  = $(firstword $(sort $(wildcard notebooks/0*.ipynb)))
PYTEST = $(RUN) -m pytest -n logical --maxprocesses 4 $(ARGS)

.DEFAULT_GOAL = help
.PHONY: help lab test lint sync lessons student bench weights scores

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile
	@echo
	@awk -F ' *[?]=# *' '/^[A-Z0-9]+ \?=# / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

# Made again when the list of packages has changed or the course has moved (pip notes its path). Paths are relative, so that
# blanks in the course's own do no harm.
ifneq ($(shell cat .venv/installed 2>/dev/null),$(CURDIR))
.PHONY: .venv/installed
endif
.venv/installed: pyproject.toml constraints.txt tools/install.sh
	@sh tools/install.sh "$(PYTHON)" "$(TORCH)"

lab: .venv/installed  ## open the first lesson in JupyterLab
	$(RUN) -m jupyterlab --LabApp.default_url=/lab/tree/$(FIRST) $(ARGS)

test: .venv/installed  ## run every check: the tests, then every lesson, cell by cell
	$(PYTEST) tests
	$(PYTEST) --nbval notebooks/

lint: .venv/installed  ## check the style of all code, lessons included
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

sync: .venv/installed  ## after an edit: bring each lesson's .py and .ipynb together, the newer one leads
	$(RUN) -m jupytext --sync notebooks/[0-9]*.py

lessons: .venv/installed  ## run the lessons and save what they print
	$(RUN) tools/build_notebooks.py $(LESSON)

student: .venv/installed  ## write the student edition, stubs for solutions, into student/
	$(RUN) tools/make_student.py

# Two processes of one thread each train a small model faster than one of two: most operations are too small to share.
weights: .venv/installed  ## train the Valley's base model from its seed (an hour or more; goes on where it stopped)
	OMP_NUM_THREADS=1 $(RUN) -m torch.distributed.run --standalone --nproc-per-node 2 \
		-m llama_lessons.pretrain $(if $(QUICK),--quick)

scores: .venv/installed  ## measure the base model on what was held out
	$(RUN) tools/scores.py $(if $(SAVE),--save)

bench: .venv/installed  ## measure tokens per second beside transformers
	$(RUN) -m benchmarks.bench $(if $(SAVE),--save) $(if $(COMPILE),--compile) $(if $(LLAMA2C),--llama2c $(LLAMA2C))
