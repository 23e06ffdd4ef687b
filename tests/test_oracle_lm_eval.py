"""EleutherAI's lm-evaluation-harness reads an exported model and an exam, and answers every item as we do.

By letter its metric `acc` is our counter. By text it is not: its `acc` takes the choice with the highest sum of
log-probabilities, its `acc_norm` divides the sum by the choice's characters, we divide it by its tokens, and it has no
metric that does. So by text its log-probabilities are compared with ours, and the choice is made from them here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from llama_lessons import evaluation
from llama_lessons.checkpoints import load, save
from llama_lessons.config import LlamaConfig
from llama_lessons.evaluation import Score, multiple_choice
from llama_lessons.files import data_path
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import Exam
from tests.offline import take_network_away

lm_eval = pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install -e '.[dev,demo,oracles]'")
transformers = pytest.importorskip("transformers")

N_ITEMS = 60
SHEETS = [(by, shots) for by in ("letter", "text") for shots in (0, 5)]
TASK = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {name}.jsonl
  data_dir: {folder}
  cache_dir: {folder}/cache
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: choices
doc_to_target: answer
target_delimiter: " "
metric_list:
  - metric: acc
  - metric: acc_norm
"""


def part_of_exam() -> Exam:
    """One in ten of the exam's items: every subject, sums as well."""
    exam = Exam()
    exam.items = exam.items[::10][:N_ITEMS]
    return exam


def sheet(by: str, shots: int) -> list[dict]:
    """The items as the harness reads them: a text, the ways in which it may go on, and which of them is right."""
    exam, letters = part_of_exam(), list("ABCD")
    prompt = exam.prompt if by == "letter" else exam.open_prompt
    return [
        {
            "prompt": prompt(item, shots),
            "choices": letters if by == "letter" else list(item.choices),
            "answer": item.answer,
        }
        for item in exam.items
    ]


def random_model() -> Llama:
    """A model that knows nothing: its answers are anywhere, and so are its log-probabilities."""
    torch.manual_seed(3)
    shape = {"dim": 48, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 40, "max_seq_len": 512}
    model = Llama(LlamaConfig(vocab_size=2048, **shape)).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(3)
    return model


@pytest.fixture(scope="module", params=["base", "random"])
def exported(request, tmp_path_factory) -> Path:
    """A model's folder as `save` writes it, with the base model's tokenizer."""
    base = data_path("checkpoints/base")
    folder = tmp_path_factory.mktemp(request.param) / "model"
    model = load(base) if request.param == "base" else random_model()
    save(model, folder, tokenizer=Tokenizer(base / "tokenizer.model"))
    return folder


@pytest.fixture(scope="module")
def theirs(exported: Path) -> dict:
    """What the harness makes of every sheet: its results, and its samples in the order of the items."""
    from lm_eval.tasks import TaskManager

    folder = exported.parent
    for by, shots in SHEETS:
        name = f"{by}_{shots}"
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, sheet(by, shots))) + "\n")
        (folder / f"{name}.yaml").write_text(TASK.format(name=name, folder=folder))
    with pytest.MonkeyPatch.context() as monkeypatch:
        take_network_away(monkeypatch)
        found = lm_eval.simple_evaluate(
            model="hf",
            model_args={"pretrained": str(exported), "dtype": "float32", "add_bos_token": True},
            tasks=[f"{by}_{shots}" for by, shots in SHEETS],
            task_manager=TaskManager(include_path=str(folder), include_defaults=False),
            device="cpu",
            batch_size=16,
            bootstrap_iters=0,
        )
    for samples in found["samples"].values():
        samples.sort(key=lambda sample: sample["doc_id"])
    return found


@pytest.fixture(scope="module")
def ours(exported: Path) -> dict:
    """What `multiple_choice` makes of every sheet, and on its way: answers, and a log-probability for every choice."""
    model, tok = load(exported, dtype=torch.float32), Tokenizer(exported / "tokenizer.model")
    found = {}
    for by, shots in SHEETS:
        with pytest.MonkeyPatch.context() as monkeypatch:
            answers, scores = overheard(monkeypatch, "choose"), overheard(monkeypatch, "log_probs")
            score = multiple_choice(model, tok, part_of_exam(), shots, by)
        found[f"{by}_{shots}"] = {"score": score, "answers": answers, "sums": [float(one.sum()) for one in scores]}
    return found


def overheard(monkeypatch: pytest.MonkeyPatch, name: str) -> list:
    """A list that will hold all that a function of llama_lessons.evaluation returns, which goes on as before."""
    function, heard = getattr(evaluation, name), []

    def tell(*args):
        answer = function(*args)
        heard.extend(answer)
        return answer

    monkeypatch.setattr(evaluation, name, tell)
    return heard


def likeliest(sample: dict, n_tokens: list[int]) -> int:
    """The choice whose log-probability, as the harness found it, is highest per token."""
    means = [total / n for (total, _), n in zip(sample["filtered_resps"], n_tokens, strict=True)]
    return means.index(max(means))


@pytest.mark.parametrize("name", [f"{by}_{shots}" for by, shots in SHEETS])
def test_every_choice_has_the_same_log_probability(theirs: dict, ours: dict, name: str):
    wanted = [total for sample in theirs["samples"][name] for total, _ in sample["filtered_resps"]]
    assert len(wanted) == 4 * N_ITEMS
    assert ours[name]["sums"] == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize("name", ["letter_0", "letter_5"])
def test_by_letter_every_answer_and_the_accuracy_are_the_same(theirs: dict, ours: dict, name: str):
    answers, samples = ours[name]["answers"], theirs["samples"][name]
    assert answers == [likeliest(sample, [1, 1, 1, 1]) for sample in samples]
    right = [answer == item.answer for answer, item in zip(answers, part_of_exam().items, strict=True)]
    assert right == [sample["acc"] == 1 for sample in samples]
    assert ours[name]["score"].n == N_ITEMS
    assert ours[name]["score"].accuracy == pytest.approx(theirs["results"][name]["acc,none"])


@pytest.mark.parametrize("name", ["text_0", "text_5"])
def test_by_text_their_log_probabilities_per_token_choose_as_we_do(theirs, ours, exported: Path, name: str):
    tok = transformers.AutoTokenizer.from_pretrained(exported)
    wanted = []
    for sample in theirs["samples"][name]:
        prompt, n_read = sample["doc"]["prompt"], len(tok.encode(sample["doc"]["prompt"]))
        n_tokens = [len(tok.encode(f"{prompt} {way}")) - n_read for way in sample["doc"]["choices"]]
        wanted.append(likeliest(sample, n_tokens))
    assert ours[name]["answers"] == wanted
    n_right = sum(answer == item.answer for answer, item in zip(wanted, part_of_exam().items, strict=True))
    assert ours[name]["score"] == Score.of(n_right, N_ITEMS)


@pytest.mark.parametrize("exported", ["random"], indirect=True)
def test_a_text_can_be_weighed_in_three_ways(theirs: dict, ours: dict):
    """By tokens, by characters or not at all: were they the same here, the test above could not tell them apart."""
    samples = theirs["samples"]["text_0"]
    by_tokens = ours["text_0"]["answers"]
    by_characters = [likeliest(sample, [len(way) for way in sample["doc"]["choices"]]) for sample in samples]
    by_sum = [likeliest(sample, [1, 1, 1, 1]) for sample in samples]
    assert by_tokens != by_sum and by_tokens != by_characters and by_sum != by_characters
    assert set(by_tokens) == set(ours["letter_0"]["answers"]) == {0, 1, 2, 3}
