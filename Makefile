# `make` shows what there is. Everything runs in .venv, which the first target makes.

PYTHON ?=#   the Python that makes .venv; default: the first of 3.11 or newer that is found
TORCH ?=#   cpu: PyTorch without its gigabytes for NVIDIA cards
ARGS ?=#   more words for JupyterLab (lab, teach), Voila (demo) or pytest (test): make test ARGS="-x -k rope"
LESSON ?=#   how a lesson's name begins: make fresh LESSON=03, make lessons LESSON=01
SAVE ?=#   1: keep what was measured
LLAMA2C ?=#   llama2.c's program for make bench to stand beside: make bench LLAMA2C=llama2.c/run
QUICK ?=#   1: make weights in minutes, only to see that training works

RUN    = .venv/bin/python
FIRST  = $(notdir $(firstword $(sort $(wildcard notebooks/0*.ipynb))))
CONFIG = tools/jupyterlab/config.py
PYTEST = $(RUN) -m pytest -n logical --maxprocesses 4 $(ARGS)

.DEFAULT_GOAL = help
.PHONY: help lab teach fresh demo test lint sync lessons student bench weights scores release
.PHONY: my_lessons

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

lab: .venv/installed my_lessons  ## open your own copy of the lessons, my_lessons/, in JupyterLab
	$(RUN) -m jupyterlab --config=$(CONFIG) --LabApp.default_url=/lab/tree/my_lessons/$(FIRST) $(ARGS)

my_lessons: .venv/installed
	@$(RUN) tools/my_lessons.py

teach: .venv/installed  ## open the lessons with outputs and solutions, notebooks/, in JupyterLab
	$(RUN) -m jupyterlab --config=$(CONFIG) --LabApp.default_url=/lab/tree/notebooks/$(FIRST) $(ARGS)

fresh: .venv/installed  ## start a lesson anew in my_lessons/; the old page is kept beside it
	@$(RUN) tools/my_lessons.py --fresh $(LESSON)

demo: .venv/installed my_lessons  ## serve a page to chat with the Valley's model, my_lessons/demo.ipynb, on this machine
	$(RUN) -m voila my_lessons/demo.ipynb --Voila.config_file_paths=tools/voila $(ARGS)

test: .venv/installed  ## run every check: the tests, then every lesson, cell by cell
	$(PYTEST) tests
	$(PYTEST) --nbval notebooks/

lint: .venv/installed  ## check the style of all code, lessons included
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

sync: .venv/installed  ## after an edit: bring each lesson's .py and .ipynb together, the edited one leads
	$(RUN) tools/sync_notebooks.py

lessons: .venv/installed  ## run the lessons and save what they print
	$(RUN) tools/build_notebooks.py $(LESSON)

student: .venv/installed  ## write the student edition, stubs for solutions, into student/
	$(RUN) tools/make_student.py

# Two processes of one thread each train a small model faster than one of two: most operations are too small to share.
weights: .venv/installed  ## train the Valley's models from their seeds (an hour or more; goes on where it stopped)
	OMP_NUM_THREADS=1 $(RUN) -m torch.distributed.run --standalone --nproc-per-node 2 \
		-m llama_lessons.pretrain $(if $(QUICK),--quick)
	OMP_NUM_THREADS=1 $(RUN) -m llama_lessons.align chat $(if $(QUICK),--quick)
	OMP_NUM_THREADS=1 $(RUN) -m llama_lessons.align reward $(if $(QUICK),--quick)
	OMP_NUM_THREADS=1 $(RUN) -m llama_lessons.align rlhf $(if $(QUICK),--quick)

scores: .venv/installed  ## measure the Valley's models on what was held out
	$(RUN) tools/scores.py $(if $(SAVE),--save)

release: .venv/installed  ## pack the chat model with code, card, guides, policy and licence: work/release/
	$(RUN) -m llama_lessons.release pack work/release/valley-chat
	$(RUN) -m llama_lessons.release check work/release/valley-chat.tar.gz

bench: .venv/installed  ## measure tokens per second beside transformers and llama2.c; takes a C++ compiler
	$(RUN) -m benchmarks.bench $(if $(SAVE),--save) $(if $(LLAMA2C),--llama2c $(LLAMA2C))
