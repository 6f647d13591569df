"""Texts to count: English and code from the standard library, Chinese prose; 1 KB and 100 KB of each.

The long Chinese text says the clauses of the short one in random order with random figures between them.
"""

# ruff: noqa: RUF001 -- Chinese has its own commas

from __future__ import annotations

import argparse
import inspect
import random
import re
import typing
from pydoc_data import topics

SIZES = {"1-KB": 1024, "100-KB": 100 * 1024}
_CHINESE = (
    "人工智能正在改变人们获取知识的方式。过去，一个问题往往需要翻阅许多书籍才能找到答案；现在，只要输入几句话，模型就能在几秒钟之内给出"
    "完整的解释。不过，答案是否可靠，仍然取决于使用者的判断。对于企业来说，成本同样是不能忽视的因素：每一次请求都会消耗一定数量的词元，"
    "而词元的价格因模型而异。如果没有统一的入口，不同部门很容易重复调用同样的接口，月底才发现预算早已超支。网关的作用就在这里，它记录"
    "每个团队的用量，在接近限额时提醒管理员，并在上游服务出现故障时自动切换到备用线路。北京的冬天干燥而寒冷，街道两旁的银杏树已经落光了"
    "叶子。早晨七点，地铁站里挤满了赶去上班的人，有的低头看手机，有的靠着车门打盹。小李在一家软件公司工作，负责维护后台系统。他说最难的"
    "不是写代码，而是弄清楚客户真正需要什么。昨天下午，他们开了三个小时的会议，讨论是否应该把数据库迁移到新的平台上。有人担心风险太大，"
    "有人认为越早动手越好。最后大家决定先在测试环境里运行两周，再根据结果做决定。医生建议他多喝水，少吃盐，每天散步半小时，保持充足的睡眠。"
    "春天来了，河边的柳树发出嫩绿的新芽，孩子们在草地上放风筝，老人坐在长椅上晒太阳，谈论着天气和收成。请把下面的合同翻译成英文，保留原来"
    "的编号和格式，并指出其中可能引起争议的条款。"
)


def _long_chinese(size: int) -> str:
    choose = random.Random(7)
    clauses = re.findall(r"[^，。；：]+", _CHINESE)
    said: list[str] = []
    length = 0
    while length < size:
        clause = choose.choice(clauses) + choose.choice(("，", "，", "。", "；", f"{choose.randrange(10_000)}"))
        said.append(clause)
        length += len(clause.encode())
    return "".join(said)


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


def texts() -> dict[str, str]:
    """Each text by its name."""
    sources = {
        "english": "\n".join(topics.topics.values()),
        "code": inspect.getsource(argparse) + inspect.getsource(typing),
        "chinese": _CHINESE + _long_chinese(SIZES["100-KB"]),
    }
    return {f"{name}-{size}": _cut(text, length) for name, text in sources.items() for size, length in SIZES.items()}
