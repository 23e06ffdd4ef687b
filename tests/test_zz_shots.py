"""photograph the two views of view_pages in JupyterLab at 1366x768, both themes, 150 %"""
import pytest
from tests.browser import IN_FRONT
from tests.view_pages import write_page
def test_shots(lab, tmp_path):
    lab.page.set_viewport_size({"width":1366,"height":768})
    import shutil
    lab.open(write_page("11_evaluation", tmp_path))
    assert lab.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')"), lab.cell_errors()
    for theme in ("Light","Dark"):
        lab.change_theme(theme)
        for k,name in enumerate(("protocols","exam-errors")):
            v=lab.page.locator(f".ll-{name}"); v.scroll_into_view_if_needed(); lab.page.wait_for_timeout(1500)
            print(name, theme, v.bounding_box()); v.screenshot(path=f"/tmp/EVAL/{name}_{theme}.png")
    lab.page.set_viewport_size({"width":911,"height":512})   # 150 %: 1366/1.5
    for k,name in enumerate(("protocols","exam-errors")):
        v=lab.page.locator(f".ll-{name}"); v.scroll_into_view_if_needed(); lab.page.wait_for_timeout(1500)
        print(name, "150", v.bounding_box()); v.screenshot(path=f"/tmp/EVAL/{name}_150.png")
    print(lab.console_errors)
