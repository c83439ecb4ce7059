"""Names and places of invented people: given names, family names and towns that belong together."""

# ruff: noqa: RUF001 - Turkish names have an i without a dot
from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

from warehouse.events.customers import Address


@dataclass(frozen=True, slots=True)
class Land:
    """A country as far as names, addresses and telephones go."""

    code: str
    dialling: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    towns: tuple[str, ...]
    streets: tuple[str, ...]
    postal: str  # each 0 stands for a digit


LANDS: tuple[Land, ...] = (
    Land("IN", "+91", ("Ananya", "Rohan", "Meera", "Vikram", "Kavya", "Arjun", "Nisha", "Suresh"),
         ("Deshpande", "Iyer", "Reddy", "Banerjee", "Chauhan", "Pillai", "Kulkarni"),
         ("Pune", "Mysuru", "Nashik", "Kochi", "Indore"), ("MG Road", "Lake View Road", "Temple Street"), "400000"),
    Land("KE", "+254", ("Wanjiru", "Otieno", "Akinyi", "Kamau", "Njeri", "Kiprop", "Achieng"),
         ("Mwangi", "Odhiambo", "Kariuki", "Chebet", "Wafula", "Njoroge"),
         ("Nakuru", "Kisumu", "Eldoret", "Thika"), ("Moi Avenue", "Market Lane", "Uhuru Road"), "20000"),
    Land("NG", "+234", ("Amara", "Chinedu", "Folake", "Emeka", "Ngozi", "Tunde", "Zainab"),
         ("Okafor", "Adeyemi", "Balogun", "Eze", "Lawal", "Nwosu"),
         ("Ibadan", "Enugu", "Abeokuta", "Jos"), ("Ring Road", "Palm Avenue", "Station Road"), "200000"),
    Land("MX", "+52", ("Ximena", "Diego", "Lucía", "Mateo", "Valeria", "Emiliano", "Renata"),
         ("Hernández", "Castillo", "Ibarra", "Montes", "Salgado", "Ríos"),
         ("Puebla", "Mérida", "León", "Oaxaca"), ("Calle Hidalgo", "Avenida Juárez", "Calle del Pozo"), "70000"),
    Land("BR", "+55", ("Thiago", "Beatriz", "Rafael", "Camila", "Otávio", "Larissa"),
         ("Moreira", "Cardoso", "Teixeira", "Azevedo", "Pacheco"),
         ("Campinas", "Londrina", "Uberaba"), ("Rua das Flores", "Rua do Rio", "Avenida Central"), "13000-000"),
    Land("PL", "+48", ("Zofia", "Jakub", "Hanna", "Mikołaj", "Maja", "Tomasz"),
         ("Wójcik", "Zieliński", "Kamińska", "Sobczak", "Wilk"),
         ("Lublin", "Toruń", "Rzeszów"), ("ulica Lipowa", "ulica Polna", "ulica Długa"), "20-000"),
    Land("SE", "+46", ("Astrid", "Nils", "Freja", "Oskar", "Saga", "Elin"),
         ("Lindqvist", "Bergström", "Sandell", "Åkerman", "Nyberg"),
         ("Örebro", "Kalmar", "Umeå"), ("Storgatan", "Kvarngatan", "Björkvägen"), "700 00"),
    Land("JP", "+81", ("Haruka", "Kenji", "Sakura", "Daichi", "Yui", "Takumi"),
         ("Morita", "Hayashi", "Fujikawa", "Ishida", "Nakano"),
         ("Matsumoto", "Kanazawa", "Takamatsu"), ("Sakuradori", "Honmachi", "Kawabata"), "390-0000"),
    Land("TR", "+90", ("Elif", "Mehmet", "Zeynep", "Can", "Defne", "Emre"),
         ("Yıldız", "Korkmaz", "Aydın", "Şahin", "Tekin"),
         ("Konya", "Bursa", "Antakya"), ("Çınar Sokak", "Bahçe Sokak", "Atatürk Caddesi"), "42000"),
    Land("VN", "+84", ("Linh", "Minh", "Thảo", "Quang", "Mai", "Tuấn"),
         ("Nguyễn", "Trần", "Phạm", "Đặng", "Hoàng"),
         ("Huế", "Cần Thơ", "Đà Lạt"), ("Lê Lợi", "Trần Phú", "Hùng Vương"), "49000"),
    Land("IE", "+353", ("Aoife", "Cian", "Niamh", "Oisín", "Saoirse", "Fionn"),
         ("Gallagher", "Brennan", "Nolan", "Keane", "Doyle"),
         ("Sligo", "Ennis", "Kilkenny"), ("Bridge Street", "Mill Road", "Chapel Lane"), "F91 0000"),
    Land("EG", "+20", ("Nour", "Karim", "Salma", "Youssef", "Layla", "Tarek"),
         ("Mansour", "Fahmy", "Saleh", "Naguib", "Hegazy"),
         ("Minya", "Tanta", "Aswan"), ("Nile Street", "Station Square", "Orchard Street"), "60000"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """An invented living being."""

    name: str
    email: str
    phone: str
    land: Land


def person(dice: random.Random, number: int, domain: str) -> Person:
    """A person of any land; `number` keeps two of one name apart, the domain is one reserved for examples."""
    land = dice.choice(LANDS)
    given, family = dice.choice(land.given), dice.choice(land.family)
    email = f"{_ascii(given)}.{_ascii(family)}.{number}@{domain}"
    return Person(f"{given} {family}", email, f"{land.dialling} {dice.randrange(200, 999)} 555 {number:04d}", land)


def address(dice: random.Random, recipient: str, land: Land) -> Address:
    """A place in the land."""
    return Address(
        recipient=recipient,
        street=f"{dice.choice(land.streets)} {dice.randrange(1, 180)}",
        city=dice.choice(land.towns),
        postal_code="".join(str(dice.randrange(10)) if sign == "0" else sign for sign in land.postal),
        country=land.code,
    )


def _ascii(name: str) -> str:
    plain = name.replace("ı", "i").replace("ł", "l").replace("đ", "d").replace("Đ", "D")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().lower().replace(" ", "")
