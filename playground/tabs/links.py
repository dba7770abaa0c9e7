"""Links that restore a tab: the button's script, which every tab shares."""

__all__ = ["copy_script"]


def copy_script(box: str) -> str:
    """A script (query) => link that puts the query into the address, the link on the clipboard and into the text box.

    `box` is the elem_id of a textbox; where the browser keeps its clipboard to itself, its text is selected instead.
    """
    return f"""(query) => {{
  const lang = new URLSearchParams(location.search).has("lang") ? "&lang=" + navigator.language : "";
  const url = location.origin + location.pathname + "?" + query + lang;
  history.replaceState(null, "", url);
  const box = () => document.querySelector("#{box} textarea, #{box} input");
  navigator.clipboard?.writeText(url).catch(() => box()?.select());
  return url;
}}"""
